// The policy as ONNX, run by onnxruntime-web in this page. It depends on nothing of a board or a page.

export class Policy {
  #ort;
  #session;
  #game;

  /** `manifest`: league.json. Throws an Error with one line that says what could not be loaded. */
  static async load(manifest) {
    const { base, script, wasm } = manifest.runtime;
    const [code, binary, model] = await Promise.all([
      fetched(base + script.file, script.integrity),
      fetched(base + wasm.file, wasm.integrity),
      fetched(manifest.model.file, manifest.model.integrity),
    ]);
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const ort = await import(address);
    URL.revokeObjectURL(address);
    ort.env.wasm.wasmBinary = binary;
    ort.env.wasm.numThreads = 1; // More need headers that a plain file server does not send.
    const policy = new Policy();
    policy.#ort = ort;
    policy.#game = manifest.game;
    policy.#session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
    return policy;
  }

  /**
   * Ask about N positions: `seen` Float32Array [N * rows * columns * 2], `legal` booleans [N * actions].
   * Gives logits Float32Array [N * actions], illegal ones at -1e9, and values Float32Array [N].
   */
  async evaluate(seen, legal, count = 1) {
    const { rows, columns, actions } = this.#game;
    const mask = Float32Array.from(legal, Number);
    const said = await this.#session.run({
      observation: new this.#ort.Tensor("float32", seen, [count, rows, columns, 2]),
      action_mask: new this.#ort.Tensor("float32", mask, [count, actions.length]),
    });
    return { logits: said.logits.data, values: said.value.data };
  }

  /** What it thinks of a LineGame: the logit and the probability of each action, and the mover's expected return. */
  async opinion(line) {
    const { logits, values } = await this.evaluate(line.observe(), line.legal());
    return { logits, shares: softmax(logits, 1), value: values[0] };
  }
}

/** The action with the largest logit, the first of equal ones; above temperature 0 one drawn from softmax(logits / t). */
export function choose(logits, temperature, random = Math.random) {
  if (temperature <= 0) return logits.indexOf(Math.max(...logits));
  let left = random();
  const shares = softmax(logits, temperature);
  return Math.max(0, shares.findIndex((share) => (left -= share) < 0 && share > 0));
}

function softmax(logits, temperature) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((part) => part / sum);
}

async function fetched(address, integrity) {
  try {
    const answer = await fetch(address, { integrity });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return await answer.arrayBuffer();
  } catch (error) {
    throw new Error(`cannot load ${address}: ${error.message}`);
  }
}

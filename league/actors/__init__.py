"""Ray actors: coordinator, learner, match worker; and the driver that starts them."""

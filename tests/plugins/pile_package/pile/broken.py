raise ValueError("this module\nis broken")

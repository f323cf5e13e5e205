"""Networks: what they are made of (`plan`), and what is made of a plan (Keras models, OpenVINO graphs)."""

// Package adapter reads, makes and writes LoRA adapters (Hu et al. 2021, arXiv 2106.09685) as PEFT has them: a directory of
// adapter_config.json and adapter_model.safetensors beside a base model that stays as it is.
//
// [Config] is adapter_config.json; what it may hold and is not computed here is refused by name. [Open] reads a directory and holds
// every tensor against the base's architecture; [New] makes an adapter that changes nothing yet; [Save] writes a directory that PEFT
// loads. An adapted module computes
//
//	y = W·x + b + s·B·A·x    A (r, in), B (out, r), s = lora_alpha/r, or lora_alpha/√r with use_rslora
//
// The one trap: the three kinds of names in a configuration match by three rules. target_modules and exclude_modules match whole dotted
// ends of a module's name, or all of it by a regular expression; modules_to_save matches any end of the text, dots or not; the keys of
// rank_pattern and alpha_pattern are expressions over whole dotted ends. They are PEFT's rules, and Python's expressions: see [Config].
package adapter

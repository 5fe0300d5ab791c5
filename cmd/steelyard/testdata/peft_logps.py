"""Log-probabilities by PEFT, for comparison: peft_logps.py < CASES.json

CASES is an object of {"model": directory, "adapter": directory, "pairs": file} by name; pairs holds prompt_ids, chosen_ids and
rejected_ids a line. Each model is loaded, then its adapter with default arguments; PEFT's warnings are errors; then all of it
computes in float64. Prints lists of
[chosen, rejected] lists of log-probabilities by name.
"""
import json
import sys
import warnings

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

out = {}
for name, case in json.load(sys.stdin).items():
    model = AutoModelForCausalLM.from_pretrained(case["model"], dtype=torch.float32)
    with warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("error", category)
        # PEFT warns of every tied model whose embedding or head is trained whole.
        warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
        model = PeftModel.from_pretrained(model, case["adapter"]).double()
    if case["tokenizer"]:
        AutoTokenizer.from_pretrained(case["adapter"])

    def logp(prompt, completion):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].double()
        return torch.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None])[:, 0].tolist()

    rows = [json.loads(line) for line in open(case["pairs"])]
    out[name] = [[logp(r["prompt_ids"], r["chosen_ids"]), logp(r["prompt_ids"], r["rejected_ids"])] for r in rows]
print(json.dumps(out))

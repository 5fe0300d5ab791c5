"""Log-probabilities by transformers, for comparison: transformers_logps.py MODEL_DIR PAIRS.jsonl

Loads the directory with default arguments. PAIRS holds prompt_ids, chosen_ids and rejected_ids a line. Prints a JSON object:
dtype of the loaded weights, and a list of [chosen, rejected] sums.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

directory, pairs = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(directory)
AutoTokenizer.from_pretrained(directory)


def logp(prompt, completion):
    with torch.no_grad():
        logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].double()
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None]).sum().item()


rows = [json.loads(line) for line in open(pairs)]
print(json.dumps({
    "dtype": str(next(model.parameters()).dtype),
    "logps": [[logp(r["prompt_ids"], r["chosen_ids"]), logp(r["prompt_ids"], r["rejected_ids"])] for r in rows],
}))

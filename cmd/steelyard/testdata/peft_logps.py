"""Log-probabilities by PEFT, for comparison: peft_logps.py MODEL_DIR ADAPTER_DIR PAIRS.jsonl

Loads the model, then the adapter with default arguments; a warning about the adapter is an error. PAIRS holds prompt_ids, chosen_ids and
rejected_ids a line. Prints a list of [chosen, rejected] sums.
"""
import json
import sys
import warnings

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, adapter, pairs = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
with warnings.catch_warnings():
    warnings.simplefilter("error")
    # PEFT warns of every tied model whose embedding or head is trained whole.
    warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
    model = PeftModel.from_pretrained(model, adapter)
AutoTokenizer.from_pretrained(adapter)


def logp(prompt, completion):
    with torch.no_grad():
        logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].double()
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None]).sum().item()


rows = [json.loads(line) for line in open(pairs)]
print(json.dumps([[logp(r["prompt_ids"], r["chosen_ids"]), logp(r["prompt_ids"], r["rejected_ids"])] for r in rows]))

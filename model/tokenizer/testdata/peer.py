"""Answers tokenizer_test's questions with the crate tokenizers and with transformers' AutoTokenizer.

A question is a line of JSON on standard input: dir, auto, texts. So is an answer: for each text the fields of oracle.py's rows; of an
AutoTokenizer its class and named special tokens, too; or error. A question with a pattern is answered by the pieces that Split cuts,
one with a size to train by the file of a Unigram trained on the texts, one one that asks to show
the normalizer or the pre_tokenizer of a tokenizer by what that makes of the texts, one with a time by the seconds that the crate takes to encode the
texts, the least of three.
"""

import json
import logging
import os
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")


def rows(t, texts, auto):
    for text in texts:
        if auto:
            ids = t.encode(text, add_special_tokens=False)
            yield {"ids": ids, "ids2": t.encode(text), "d": t.decode(ids, skip_special_tokens=False), "ds": t.decode(ids, skip_special_tokens=True)}
        else:
            ids = t.encode(text, add_special_tokens=False).ids
            yield {"ids": ids, "ids2": t.encode(text).ids, "d": t.decode(ids, skip_special_tokens=False), "ds": t.decode(ids)}


def answer(question):
    if question.get("pattern"):
        from tokenizers import Regex, pre_tokenizers
        split = pre_tokenizers.Split(Regex(question["pattern"]), "isolated")
        return {"pieces": [[piece for piece, _ in split.pre_tokenize_str(text)] for text in question["texts"]]}
    if question.get("show"):
        from tokenizers import Tokenizer
        t = Tokenizer.from_file(question["dir"] + "/tokenizer.json")
        if question["show"] == "normalizer":
            return {"pieces": [[t.normalizer.normalize_str(text)] for text in question["texts"]]}
        return {"pieces": [[piece for piece, _ in t.pre_tokenizer.pre_tokenize_str(text)] for text in question["texts"]]}
    if question.get("train"):
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        t = Tokenizer(models.Unigram())
        t.pre_tokenizer, t.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=question["train"], special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
        t.train_from_iterator(question["texts"], trainer)
        return {"file": t.to_str()}
    if question.get("time"):
        from tokenizers import Tokenizer
        t = Tokenizer.from_file(question["dir"] + "/tokenizer.json")
        best = float("inf")
        for _ in range(3):
            begin = time.perf_counter()
            for text in question["texts"]:
                t.encode(text, add_special_tokens=False)
            best = min(best, time.perf_counter() - begin)
        return {"seconds": best}
    if not question["auto"]:
        from tokenizers import Tokenizer
        return {"rows": list(rows(Tokenizer.from_file(question["dir"] + "/tokenizer.json"), question["texts"], False))}
    import transformers
    transformers.logging.set_verbosity_error()
    t = transformers.AutoTokenizer.from_pretrained(question["dir"])
    return {"class": type(t).__name__, "named": t.special_tokens_map, "rows": list(rows(t, question["texts"], True))}


logging.disable(logging.CRITICAL)
questions, answers = sys.stdin, sys.stdout
sys.stdin, sys.stdout = open(os.devnull), sys.stderr  # transformers asks there whether to run code
for line in questions:
    try:
        a = answer(json.loads(line))
    except BaseException as e:
        a = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(a), file=answers, flush=True)

"""Renders as transformers does: reads {"templates": [...], "cases": [...]} on standard input, writes a JSON list of texts and errors.

A case has the number of its template, messages, tools, args (chat_template_kwargs), add_generation_prompt and special (tokens). Among the
templates, those that TRL brings along come first: {"trl": true} asks for them, and their names and sources are written too.
"""

import datetime
import glob
import json
import os
import sys
import warnings

import jinja2
import tokenizers
import transformers
from transformers.utils import chat_template_utils


class Now(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 6, 15, 4, 5, 60)


def outcome(tokenizer, case, source):
    for name, token in case["special"].items():
        setattr(tokenizer, name, token)
    try:
        text = tokenizer.apply_chat_template(
            case["messages"], tools=case["tools"], chat_template=source, tokenize=False,
            add_generation_prompt=case["add_generation_prompt"], **(case["args"] or {}),
        )
        return {"text": text}
    except (jinja2.TemplateSyntaxError, SyntaxError) as e:
        return {"kind": "TemplateSyntaxError", "message": str(e)}
    except Exception as e:
        return {"kind": type(e).__name__, "message": str(e)}


def main():
    assert transformers.__version__ == "5.23.0" and jinja2.__version__ == "3.1.6", (transformers.__version__, jinja2.__version__)
    warnings.simplefilter("ignore")
    chat_template_utils.datetime = Now
    job = json.load(sys.stdin)
    found = {}
    if job.get("trl"):
        import trl

        for path in sorted(glob.glob(os.path.join(os.path.dirname(trl.__file__), "chat_templates", "*.jinja"))):
            with open(path, encoding="utf-8") as f:
                found[os.path.basename(path).removesuffix(".jinja")] = f.read()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE()))
    out = [outcome(tokenizer, c, job["templates"][c["template"]]) for c in job["cases"] or []]
    json.dump({"found": found, "outcomes": out}, sys.stdout)


main()

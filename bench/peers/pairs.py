"""The pairs of a preference set in ShareGPT's layout, as TRL's conversational one, and what names them."""
import hashlib
import json
import pathlib
import struct

ROLE = {"human": "user", "gpt": "assistant", "system": "system"}


def load(path):
    return [
        {
            "prompt": [{"role": ROLE[m["from"]], "content": m["value"]} for m in r["conversations"]],
            "chosen": [{"role": "assistant", "content": r["chosen"]["value"]}],
            "rejected": [{"role": "assistant", "content": r["rejected"]["value"]}],
        }
        for r in json.loads(pathlib.Path(path).read_text())
    ]


def sample(path, tokenizer, every, max_length, limit=None):
    """Every so manieth of the pairs whose prompt is shorter than max_length, in the order of the file."""
    kept = [
        r
        for r in load(path)
        if len(tokenizer.apply_chat_template(r["prompt"], tokenize=True, add_generation_prompt=True, return_dict=True)["input_ids"]) < max_length
    ]
    return kept[::every][:limit]


def pair_id(*sides):
    """What a cache calls a pair of token ids (docs/format.md): so two programs that name the same pairs work on the same tokens."""
    digest = hashlib.sha256()
    for ids in sides:
        digest.update(struct.pack(f"<{len(ids) + 1}i", len(ids), *ids))
    return digest.hexdigest()[:32]


def arguments(parser):
    parser.add_argument("--model", required=True, help="directory of the checkpoint")
    parser.add_argument("--pairs", required=True, help="JSON file of pairs in ShareGPT's layout")
    parser.add_argument("--every", type=int, default=8, help="take every so manieth pair")
    parser.add_argument("--limit", type=int, help="and of those the first so many")
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps of 4 pairs, from the first of the sample on")
    parser.add_argument("--warm", type=int, default=0, help="of these, the first so many are not timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
    return parser.parse_args()

"""Writes the expected results of this directory with the Rust crate tokenizers.

    pip install tokenizers==0.23.3
    python testdata/oracle.py [N]    # from model/tokenizer; N random strings a file, 60 by default

ids.jsonl.gz         the vendored tokenizers on strings written here and on random ones
components.jsonl.gz  the demo tokenizer with some of its components replaced
pieces.jsonl.gz      where the known regular expressions and Digits split
forms.jsonl.gz       NFC and NFD
"""

import gzip
import json
import random
import sys

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 60
ROOT = "../.."
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
NEOX = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SHORT}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SHORT}|\p{{N}}{{1,3}}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = O200K.replace(SHORT, "").replace("{1,3}", "")
PATTERNS = [GPT2, NEOX, CL100K.replace("NUMBER", r"\p{N}"), CL100K.replace("NUMBER", r"\p{N}{1,3}"),
            CL100K.replace("NUMBER", r"\p{N}+"), O200K, TEKKEN, r"\p{N}", r"\p{N}{1,3}", r"\p{N}+"]

WRITTEN = [
    "", " ", "  ", "\n", "\r\n", "\t", "a", " a", "a ", "  a  ", "Hello, world!", "The quick brown fox jumps over the lazy dog.",
    "I'm you're he'll we've they'd it's", "I'M YOU'RE HE'LL", "'s's''s 'ſ x'ſ", "don''t", "3.14159 and 1234567890", "½ Ⅷ ٣٤ 五",
    "café cafe\u0301 Å Å ﬁ", "日本語のテキスト", "한국어 각각 각 ᄀ", "Привет, мир", "שלום", "नमस्ते", "👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "<|im_start|>user\nHi<|im_end|>\n", "<|endoftext|>", " <|im_end|> <|im_end|>", "<|im_end", "a<|im_start|>b",
    "def f(x):\n    return x  # twice\n\n\n", "\u00a0\u2003\u3000x\u0085y\u2028z", "x\u200by\u200cz\ufeff", "\ufffd\ufffd", "\x00\x01\x7f",
    "a" * 300, "ab" * 100, "=-" * 60, " " * 70 + "x", "\n" * 40, "aA" * 30, "http://example.com/a/b?c=d&e=f", "▁a▁▁b", "<0x41>",
    "𞤀𞤢 Ꟛ Ꟗ𑀓", "x\U00011de3\U00011de41\U00016ff5\U00016ff7", "a\u0315\u0300\u05ae\u0334b", "q\u0307\u0323", "x" + "\u0301" * 40 + "y", "…—“quoted”", "foo/\n//\n\n bar", "A'Sx B'LL c'Re",
]


def random_text(rng, marks=()):
    """A string that mixes what patterns and normal forms tell apart."""
    pools = [
        "abcXYZ", "sStTmMdDlLrRvVeE'ſ", "0123456789½Ⅷ٣²", " ", " \t\u00a0\u2003\u3000", "\r\n", ".,;!?-_/()[]{}<>|'\"", "éüßÅ\u01c5ʰªº",
        "\u0300\u0301\u0323\u0334\u0345\u05b0\u0e38\u3099\u093c", "日本한글각ᄀ\u1161\u11a8", "👍🏽\u200d\u200c🇩", "अक्\u094dक़", "▁",
    ]
    out = []
    for _ in range(rng.randint(1, 14)):
        kind = rng.random()
        if marks and kind < 0.15:
            out.append(rng.choice(marks))
        elif kind < 0.25:
            c = rng.randrange(0x110000)
            out.append(chr(c) if not 0xD800 <= c < 0xE000 else "x")
        elif kind < 0.35:
            out.append(chr(rng.randrange(0x3400)))
        else:
            out.append("".join(rng.choices(rng.choice(pools), k=rng.randint(1, 5))))
    return "".join(out)


def texts(seed, marks=(), written=WRITTEN):
    rng = random.Random(seed)
    return list(written) + [random_text(rng, marks) for _ in range(COUNT)]


def result(t, text):
    ids = t.encode(text, add_special_tokens=False).ids
    return {"text": text, "ids": ids, "ids2": t.encode(text).ids,
            "d": t.decode(ids, skip_special_tokens=False), "ds": t.decode(ids)}


def write(name, rows):
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with open("testdata/" + name, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
        z.write(data.encode())


def ids():
    for name in ["testdata/goldens/smollm2", "testdata/demo/model"]:
        t = Tokenizer.from_file(f"{ROOT}/{name}/tokenizer.json")
        for text in texts(1, ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>"]):
            yield {"tokenizer": name, **result(t, text)}


def byte_level(*before, prefix=False, regex=False):
    last = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}
    return {"type": "Sequence", "pretokenizers": [*before, last]} if before else last


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def added(i, content, special=False, normalized=False, **flags):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized,
            "special": special, **flags}


def spm(unknown=True, **options):
    """A small SentencePiece-style model: some bytes are there, so some characters fall back and some are unknown."""
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256) if options.get("all_bytes") or b >= 0xC0 or b in range(0x80, 0x90)]
    merges = [("▁", "a"), ("▁", "b"), ("a", "b"), ("▁", "▁"), ("▁▁", "▁▁"), ("▁a", "b"), ("b", "a"), ("l", "l"), ("▁", "H"), ("o", "▁"),
              ("o▁", "w"), ("H", "e"), ("ll", "o"), ("▁H", "e"), ("1", "2"), ("é", "é")]
    chars = "▁abcdeghilmnorstuvwxyzHXYZ12.,!'é日"
    tokens += list(chars) + [a + b for a, b in merges]
    return {"type": "BPE", "dropout": None, "unk_token": "<unk>" if unknown else None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": options.get("fuse", True), "byte_fallback": options.get("fallback", True),
            "ignore_merges": options.get("ignore", False), "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [list(m) for m in merges]}


def unigram(fallback):
    """A small Unigram: sums of its scores are often the same, or differ in the last bit."""
    scores = [-1.0, -2.0, -0.1, -0.2, -0.30000000000000004, -15.275492379532281, -1.8771917354846979, 0.0]
    chars = "▁abcdeghilmnorstuwxyzHXYZ12.,!'é日"
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)] + list(chars)
    tokens += [a + b for a in "▁abelo" for b in "▁abelotw"] + ["abab", "▁He", "llo", "Hello", "▁world", "aba", "éé", "日é"]
    return {"type": "Unigram", "unk_id": 0, "byte_fallback": fallback, "vocab": [[t, scores[i * 7 % 8]] for i, t in enumerate(tokens)]}


# Expressions that have no scanner of their own: DeepSeek's, Qwen3.5's, and what else the matcher takes.
MATCHED = [
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", r"[一-龥぀-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"\w+|[^\w\s]+", r"\bthe\b|\B\w", r"^a|b$", r".+?é|.", r"(?>a+)b|a++x|a", r"(?=[A-Z])\w|(?!a)\w+?(?=b|$)", r"a{2,3}|(?:ab){2}",
]


def variants(vocab):
    """Names, and what they replace in the demo tokenizer.json, whose vocabulary is given."""
    for i, p in enumerate(PATTERNS):
        yield f"pattern {i}", {"pre_tokenizer": byte_level(split({"Regex": p}))}
    for behavior in ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"]:
        for invert in [False, True]:
            for what in [{"String": " "}, {"Regex": r"\p{N}"}]:
                yield f"{behavior} {invert} {what}", {"pre_tokenizer": byte_level(split(what, behavior, invert))}
    yield "prefix space", {"pre_tokenizer": byte_level(prefix=True, regex=True)}
    yield "no regex", {"pre_tokenizer": byte_level()}
    for individual in [True, False]:
        digits = {"type": "Digits", "individual_digits": individual}
        yield f"digits {individual}", {"pre_tokenizer": byte_level(digits, prefix=True, regex=True)}
    for form in ["NFC", "NFD"]:
        yield form, {"normalizer": {"type": form}}
    names = [added(0, "<|endoftext|>", True), added(1, "<|im_start|>", True), added(2, "<|im_end|>", True)]
    replaced = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "é"}, {"type": "NFD"}]}
    for flags in [{}, {"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}, {"single_word": True},
                  {"single_word": True, "lstrip": True, "rstrip": True}]:
        for normalized in [False, True]:
            more = [added(2048, "[mark]", True, normalized, **flags), added(vocab["ab"], "ab", False, normalized, **flags),
                    added(2049, "abcX", False, not normalized, **flags), added(2050, " x", False, normalized),
                    added(vocab["é"], "é", True, normalized, **flags)]
            yield f"added {flags} {normalized}", {"added_tokens": names + more}
            yield f"added and normalized {flags} {normalized}", {"added_tokens": names + more, "normalizer": replaced}
    around = {"type": "TemplateProcessing",
              "single": [{"SpecialToken": {"id": "[B]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[E]", "type_id": 0}}],
              "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
              "special_tokens": {"[B]": {"id": "[B]", "ids": [1, 3], "tokens": ["a", "b"]}, "[E]": {"id": "[E]", "ids": [2], "tokens": ["c"]}}}
    ends = {"sep": ["</s>", 2], "cls": ["<s>", 0]}
    roberta = {"type": "RobertaProcessing", **ends, "trim_offsets": True, "add_prefix_space": False}
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    for p in [around, {"type": "BertProcessing", **ends}, roberta, {"type": "Sequence", "processors": [level, around]}]:
        yield p["type"], {"post_processor": p}
    yield "no decoder", {"decoder": None}
    strip = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                                              {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    s = [added(0, "<unk>", True), added(1, "<s>", True), added(2, "</s>", True, rstrip=True)]
    base = {"added_tokens": s, "pre_tokenizer": None, "normalizer": prepend, "decoder": strip}
    for options in [{}, {"all_bytes": True}, {"fallback": False}, {"fallback": False, "fuse": False}, {"unknown": False}, {"ignore": True, "fuse": False}]:
        yield f"spm {options}", {**base, "model": spm(**options)}
    for scheme in ["always", "first", "never"]:
        for apart in [True, False]:
            meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": apart}
            yield f"metaspace {scheme} {apart}", {**base, "normalizer": None, "pre_tokenizer": meta, "decoder": meta, "model": spm()}
    for fallback in [True, False]:
        for scheme in ["always", "first"]:
            meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": fallback}
            yield f"unigram {fallback} {scheme}", {**base, "normalizer": None, "pre_tokenizer": meta, "decoder": meta, "model": unigram(fallback)}
    for p in MATCHED:
        yield f"matched {p}", {"pre_tokenizer": byte_level(split({"Regex": p}))}
    yield "replaced", {"normalizer": {"type": "Replace", "pattern": {"Regex": "[ab]+|\\s{2,}"}, "content": "é"},
                       "decoder": {"type": "Sequence", "decoders": [level, {"type": "Replace", "pattern": {"Regex": "[0-9]"}, "content": "#"}]}}
    yield "gemma", {**base, "normalizer": prepend["normalizers"][1], "pre_tokenizer": split({"String": " "}, "MergedWithPrevious"), "model": spm()}


def components():
    with open(f"{ROOT}/testdata/demo/model/tokenizer.json") as f:
        demo = json.load(f)
    marks = ["<|im_start|>", "<|im_end|>", "[mark]", " [mark] ", "ab", "abcX", " x", "ſabcX", "ⓐ", "\u0301", "é", "<s>", "</s>", " </s> ", "▁H", "Hello world", "ab" * 20]
    for seed, (name, replace) in enumerate(variants(demo["model"]["vocab"])):
        t = Tokenizer.from_str(json.dumps({**demo, **replace}))
        yield {"name": name, "replace": replace, "results": [result(t, text) for text in texts(100 + seed, marks, WRITTEN[:24] if COUNT < 100 else WRITTEN)]}


def pieces():
    digits = {f"Digits {i}": pre_tokenizers.Digits(individual_digits=i) for i in [True, False]}
    for name, p in {**{p: pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS}, **digits}.items():
        for text in texts(2):
            yield {"pattern": name, "text": text, "pieces": [piece for piece, _ in p.pre_tokenize_str(text)]}


def forms():
    rng = random.Random(3)
    marks = [chr(c) for c in range(0x300, 0x1200)]
    for text in texts(4) + ["".join(rng.choices(marks, k=12)) for _ in range(COUNT)]:
        yield {"text": text, "nfc": normalizers.NFC().normalize_str(text), "nfd": normalizers.NFD().normalize_str(text)}


write("ids.jsonl.gz", ids())
write("components.jsonl.gz", components())
write("pieces.jsonl.gz", pieces())
write("forms.jsonl.gz", forms())

package auto

import "fmt"

// A Plan is what a class puts in the place of the components of tokenizer.json, each as the file would write it.
type Plan struct {
	Class                             string
	Normalizer, PreTokenizer, Decoder string
	NoProcessor                       bool // the post-processor of the file is dropped
	// The options of the model; ignore_merges is false in each.
	Unknown      bool // unk_token of the model is the named one, else there is none
	FuseUnknown  bool
	ByteFallback bool
	Named        map[string]string // the named special tokens where tokenizer_config.json says nothing; null there is a word, too
	Again        bool              // special tokens are added once more, with the properties of a plain one
}

// Options are the fields of tokenizer_config.json that a class reads; nil for null or missing.
type Options struct {
	Legacy, AddPrefixSpace *bool
	NullPrefixSpace        bool // add_prefix_space is there, and null
}

const (
	null       = "null"
	nfc        = `{"type":"NFC"}`
	levels     = `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`
	spaceToBar = `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`
	barToSpace = `{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}`

	qwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*` +
		`|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
	qwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*` +
		`|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
)

// PlanOf returns the plan of a class, nil for Backend. The classes are those of the models that chat; another is an error. Sources:
// transformers 5.23.0, models/*/tokenization_*.py.
func PlanOf(class string, o Options) (*Plan, error) {
	p, err := planOf(class, o)
	if p != nil {
		p.Class = class
	}
	return p, err
}

func planOf(class string, o Options) (*Plan, error) {
	prefix := o.AddPrefixSpace != nil && *o.AddPrefixSpace
	end := map[string]string{"unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
	switch class {
	case Backend:
		return nil, nil
	case "LlamaTokenizer":
		return llama(o), nil
	case "GemmaTokenizer":
		return &Plan{
			Normalizer: spaceToBar, PreTokenizer: `{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`,
			Decoder: sequence("decoders", barToSpace), Unknown: true, FuseUnknown: true, ByteFallback: true,
			Named: map[string]string{"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "mask_token": "<mask>"},
		}, nil
	case "Qwen2Tokenizer", "Qwen3_5Tokenizer":
		pattern := qwen2
		if class != "Qwen2Tokenizer" {
			pattern = qwen35
		}
		delete(end, "bos_token")
		end["pad_token"] = "<|endoftext|>"
		split := `{"type":"Split","pattern":{"Regex":"` + pattern + `"},"behavior":"Isolated","invert":false}`
		return &Plan{
			Normalizer: nfc, PreTokenizer: sequence("pretokenizers", split+","+byteLevel(prefix, false)), Decoder: levels,
			Named: end, Again: class == "Qwen2Tokenizer",
		}, nil
	case "GPT2Tokenizer", "GPTNeoXTokenizer":
		if o.NullPrefixSpace {
			return nil, fmt.Errorf("tokenizer_config.json: add_prefix_space is null, which %s does not take; set it to false", class)
		}
		p := &Plan{Normalizer: null, PreTokenizer: byteLevel(prefix, true), Decoder: levels, Named: end}
		if class == "GPTNeoXTokenizer" {
			p.Normalizer, p.NoProcessor = nfc, true
			end["pad_token"] = "<|padding|>"
		}
		return p, nil
	}
	return nil, fmt.Errorf("tokenizer_config.json: tokenizer_class: transformers builds its %s anew from the vocabulary, which is not supported; "+
		"set tokenizer_class to PreTrainedTokenizerFast to have tokenizer.json as it is", class)
}

// llama writes spaces as ▁ before the model and not as a normalizer, so a text that begins with ▁ gets no other one. legacy, as
// transformers has it, puts one after every added token; without it, only at the beginning of the text.
func llama(o Options) *Plan {
	scheme, strip := "first", `,{"type":"Strip","content":" ","start":1,"stop":0}`
	switch {
	case o.AddPrefixSpace != nil && !*o.AddPrefixSpace:
		scheme, strip = "never", ""
	case o.Legacy != nil && *o.Legacy:
		scheme = "always"
	}
	return &Plan{
		Normalizer: null, PreTokenizer: `{"type":"Metaspace","replacement":"▁","prepend_scheme":"` + scheme + `","split":false}`,
		Decoder: sequence("decoders", barToSpace+strip), FuseUnknown: true, ByteFallback: true,
		Named: map[string]string{"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
	}
}

func sequence(field, parts string) string {
	return `{"type":"Sequence","` + field + `":[` + parts + `]}`
}

func byteLevel(prefix, words bool) string {
	return fmt.Sprintf(`{"type":"ByteLevel","add_prefix_space":%v,"trim_offsets":true,"use_regex":%v}`, prefix, words)
}

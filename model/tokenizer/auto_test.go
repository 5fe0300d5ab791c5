package tokenizer

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// spmLike returns the file of a small SentencePiece-style BPE model with all bytes, out of components.jsonl.gz.
func spmLike(t testing.TB) []byte {
	t.Helper()
	for _, c := range readLines[struct {
		Name    string
		Replace map[string]json.RawMessage
	}](t, "testdata/components.jsonl.gz") {
		if c.Name == "spm {'all_bytes': True}" {
			replace := map[string]string{}
			for field, value := range c.Replace {
				replace[field] = string(value)
			}
			return demoWith(t, replace)
		}
	}
	t.Fatal("components.jsonl.gz has no such model")
	return nil
}

const around = `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[B]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],` +
	`"pair":[],"special_tokens":{"[B]":{"id":"[B]","ids":[1],"tokens":["b"]}}}`

// TestAutoGoldens compares with what AutoTokenizer made of the directories of testdata/auto.py.
func TestAutoGoldens(t *testing.T) {
	bases := map[string][]byte{"byte-level": demoWith(t, map[string]string{"post_processor": around}), "spm": withField(t, spmLike(t), "post_processor", around)}
	for _, c := range readLines[struct {
		Base, Model string
		Config      json.RawMessage
		answer
	}](t, "testdata/auto.jsonl.gz") {
		t.Run(c.Base+" "+c.Model+" "+string(c.Config), func(t *testing.T) {
			f := files{tokenizer: bases[c.Base], config: c.Config}
			if c.Model != "" {
				f.model = []byte(`{"model_type":"` + c.Model + `"}`)
			}
			tk, err := parse(f)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, tk, c.answer)
		})
	}
}

// TestAutoTokenizer compares with AutoTokenizer for every model type and class that chat models have: the same class of the same
// tokenizer, or a refusal that says why.
func TestAutoTokenizer(t *testing.T) {
	p := startPeer(t)
	models := []string{"", "llama", "mistral", "mixtral", "phi3", "phi", "gemma", "gemma2", "gemma3_text", "gemma3", "gpt2", "gpt_neox", "olmo", "olmo2", "olmo3",
		"olmoe", "qwen2", "qwen3", "qwen3_moe", "qwen3_5", "deepseek_v2", "deepseek_v3", "gpt_oss", "smollm3", "llama4", "cohere", "t5", "falcon", "no_such_model"}
	classes := []string{"", "LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend", "GPT2Tokenizer",
		"GPT2TokenizerFast", "GPTNeoXTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "Qwen3_5Tokenizer",
		"Phi3Tokenizer", "CohereTokenizerFast", "T5Tokenizer", "BloomTokenizerFast", "NoSuchTokenizer"}
	if os.Getenv("STEELYARD_REQUIRE") != "1" || testing.Short() { // some minutes
		models, classes = models[:8], classes[:9]
	}
	refusals := 0
	for kind, data := range map[string][]byte{"byte-level": demoWith(t, nil), "spm": spmLike(t)} {
		texts := randomTexts(11, 40, []string{"<s>", "</s>", "<|im_start|>", "<|endoftext|>", "<mask>", "<pad>"})
		for _, model := range models {
			for _, class := range classes {
				files := map[string]string{tokenizerFile: string(data), configFile: `{}`}
				if class != "" {
					files[configFile] = `{"tokenizer_class":"` + class + `"}`
				}
				if model != "" {
					files[modelFile] = `{"model_type":"` + model + `"}`
				}
				refusals += sameAsAuto(t, p, kind+" "+model+" "+class, files, texts)
			}
		}
	}
	t.Logf("%d refused", refusals)
}

// sameAsAuto compares one directory and returns 1 if it is refused.
func sameAsAuto(t *testing.T, p *peer, name string, files map[string]string, texts []string) (refusals int) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		dir := directory(t, files)
		a := p.get(t, question{Dir: dir, Auto: true, Texts: texts})
		tk, err := Load(dir)
		switch {
		case err != nil && a.Error == "":
			for _, known := range []string{"anew from the vocabulary", "is not supported", "gives it", "must have the id", "by transformers"} {
				if strings.Contains(err.Error(), known) {
					refusals = 1
					return
				}
			}
			t.Errorf("%s: %v", a.Class, err)
		case err != nil: // neither takes it
		case a.Error != "":
			t.Errorf("transformers: %s", a.Error)
		default:
			compare(t, tk, a)
		}
	})
	return refusals
}

// TestAutoOptions compares with AutoTokenizer for what else of the configs it heeds.
func TestAutoOptions(t *testing.T) {
	p := startPeer(t)
	const (
		added = `{"id":2048,"content":"<x>","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false}`
		deco  = `"added_tokens_decoder":{"2048":{"content":"<x>","lstrip":true,"rstrip":true,"normalized":false,"single_word":false,"special":false}}`
	)
	spm := withField(t, spmLike(t), "post_processor", around)
	level := demoWith(t, map[string]string{"post_processor": around}, added)
	texts := randomTexts(12, 150, []string{"<s>", "</s>", "<x>", " <x> ", "<y>", "<|im_start|>", "<|endoftext|>", "<mask>", "▁<x>"})
	for _, c := range []struct{ model, config, special, old string }{
		{config: `{"tokenizer_class":"LlamaTokenizer","legacy":true}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","legacy":false}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","legacy":null,"add_prefix_space":null}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","legacy":true,"add_prefix_space":false}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","add_prefix_space":true,"add_bos_token":false,"add_eos_token":true}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","bos_token":null,"unk_token":"<y>","pad_token":"<z>"}`},
		{config: `{"tokenizer_class":"LlamaTokenizer","clean_up_tokenization_spaces":true}`},
		{config: `{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true}`},
		{config: `{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":null}`},
		{config: `{"tokenizer_class":"GPT2Tokenizer","unk_token":null,"bos_token":{"__type":"AddedToken","content":"<x>","lstrip":true,"normalized":true}}`},
		{config: `{"tokenizer_class":"GPTNeoXTokenizer","add_bos_token":true,"add_prefix_space":true}`},
		{config: `{"tokenizer_class":"GPTNeoXTokenizer",` + deco + `}`},
		{config: `{"tokenizer_class":"GemmaTokenizer","mask_token":null}`},
		{config: `{"tokenizer_class":"GemmaTokenizer","unk_token":"<unk>","add_bos_token":true}`},
		{config: `{"tokenizer_class":"Qwen2Tokenizer","extra_special_tokens":["<x>"],"add_prefix_space":true}`},
		{config: `{"tokenizer_class":"Qwen2Tokenizer","eos_token":null,"image_token":"<x>","bos_token":"<y>"}`},
		{config: `{"tokenizer_class":"Qwen2Tokenizer","extra_special_tokens":{"b_token":"<b>","a_token":"<x>"}}`},
		{config: `{"additional_special_tokens":["<x>",{"content":"<y>","special":false,"normalized":true,"__type":"AddedToken"}],"z_token":"<z>","b_token":"<b>"}`},
		{config: `{` + deco + `,"eos_token":"<x>"}`},
		{config: `{` + deco + `,"eos_token":{"content":"<y>","__type":"AddedToken"},"additional_special_tokens":["<x>"]}`, special: `{"eos_token":"<q>"}`},
		{config: `{"additional_special_tokens":["<x>"]}`, special: `{"additional_special_tokens":["<y>"],"z_token":"<z>","pad_token":{"content":"<p>","lstrip":true}}`},
		{config: `{"eos_token":"<x>"}`, old: `{"<x>":2048,"<y>":2049}`},
		{config: `{"tokenizer_class":"GPT2Tokenizer"}`, old: `{"<x>":2048,"<y>":2049}`},
		{config: `{"add_bos_token":true,"add_eos_token":true,"bos_token":"<s>"}`},
		{config: `{"tokenizer_class":"MyTokenizer","auto_map":{"AutoTokenizer":["a.B",null]}}`},
		{model: "llama", config: `{"tokenizer_class":"LlamaTokenizer","auto_map":{"AutoTokenizer":["a.B",null]}}`},
	} {
		for kind, data := range map[string][]byte{"spm": spm, "level": level} {
			files := map[string]string{tokenizerFile: string(data), configFile: c.config}
			for name, data := range map[string]string{specialFile: c.special, addedFile: c.old} {
				if data != "" {
					files[name] = data
				}
			}
			if c.model != "" {
				files[modelFile] = `{"model_type":"` + c.model + `"}`
			}
			if sameAsAuto(t, p, kind+" "+c.config+c.special+c.old, files, texts) > 0 {
				t.Logf("%s %s: refused", kind, c.config)
			}
		}
	}
}

// withField returns a JSON object with a field replaced.
func withField(t testing.TB, data []byte, field, value string) []byte {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	fields[field] = json.RawMessage(value)
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

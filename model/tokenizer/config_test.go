package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

// demoWith returns the demo tokenizer.json with fields replaced and added tokens appended, both as JSON.
func demoWith(t testing.TB, replace map[string]string, added ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tol.Root(t), "testdata/demo/model/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for field, value := range replace {
		file[field] = json.RawMessage(value)
	}
	if len(added) > 0 {
		old := strings.TrimSuffix(strings.TrimSpace(string(file["added_tokens"])), "]")
		file["added_tokens"] = json.RawMessage(old + "," + strings.Join(added, ",") + "]")
	}
	out, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestConfig compares with transformers 5.23.0, PreTrainedTokenizerFast.from_pretrained, on the demo tokenizer.
func TestConfig(t *testing.T) {
	const (
		stripping = `{"id":2048,"content":"<x>","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,"special":true}`
		plain     = `{"id":2048,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}`
		decoder   = `{"added_tokens_decoder":{"2048":{"content":"<x>","lstrip":false,"rstrip":true,"normalized":false,"single_word":false,"special":true}}}`
		cls       = `{"type":"BertProcessing","sep":["</s>",2],"cls":["<s>",0]}`
	)
	for _, c := range []struct {
		name, config, older string
		added, post         string
		text                string
		ids                 []int32
		skipped             string // decoded without special tokens
		named               map[string]string
	}{
		{name: "no token", config: `{}`, text: "a<x>  a", ids: []int32{67, 30, 90, 32, 223, 260}, skipped: "a<x>  a"},
		{name: "a name keeps the file's properties", config: `{"eos_token":"<x>"}`, added: stripping, text: "a<x>  a", ids: []int32{67, 2048, 67}, skipped: "aa",
			named: map[string]string{"eos_token": "<x>"}},
		{name: "an object, too", config: `{"eos_token":{"__type":"AddedToken","content":"<x>","rstrip":true}}`, added: strings.Replace(plain, `"special":false`, `"special":true`, 1),
			text: "a<x>  a", ids: []int32{67, 2048, 223, 260}, skipped: "a  a", named: map[string]string{"eos_token": "<x>"}},
		{name: "a name makes it special", config: `{"eos_token":"<x>"}`, added: plain, text: "a<x>a", ids: []int32{67, 2048, 67}, skipped: "aa",
			named: map[string]string{"eos_token": "<x>"}},
		{name: "a new token", config: `{"pad_token":"[PAD]"}`, text: "a [PAD] ", ids: []int32{67, 223, 2048, 223}, skipped: "a  ", named: map[string]string{"pad_token": "[PAD]"}},
		{name: "another name", config: `{"image_token":"<x>"}`, text: "a<x>  a", ids: []int32{67, 2048, 223, 260}, skipped: "a  a", named: map[string]string{"image_token": "<x>"}},
		{name: "additional", config: `{"additional_special_tokens":["<x>","<y>"]}`, text: "a <y> b", ids: []int32{67, 223, 2049, 288}, skipped: "a  b"},
		{name: "extra", config: `{"extra_special_tokens":["<x>","<y>"]}`, text: "a <y> b", ids: []int32{67, 223, 2049, 288}, skipped: "a  b"},
		{name: "extra by name", config: `{"extra_special_tokens":{"image_token":"<x>"}}`, text: "a<x>  a", ids: []int32{67, 2048, 223, 260}, skipped: "a  a",
			named: map[string]string{"image_token": "<x>"}},
		{name: "decoder", config: decoder, text: "a<x>  a", ids: []int32{67, 2048, 67}, skipped: "aa"},
		{name: "decoder before the file", config: decoder, added: strings.Replace(plain, `"special":false`, `"special":true`, 1), text: "a<x>  a", ids: []int32{67, 2048, 67}, skipped: "aa"},
		{name: "map", config: `{}`, older: `{"eos_token":"<x>"}`, text: "a<x>  a", ids: []int32{67, 2048, 223, 260}, skipped: "a  a", named: map[string]string{"eos_token": "<x>"}},
		{name: "map before the config", config: `{"eos_token":"<|im_end|>"}`, older: `{"eos_token":"<x>"}`, text: "a<x>  a", ids: []int32{67, 2048, 223, 260}, skipped: "a  a",
			named: map[string]string{"eos_token": "<x>"}},
		{name: "processor stands", config: `{"add_bos_token":false,"add_eos_token":true,"bos_token":"<|im_start|>"}`, post: cls, text: "a", ids: []int32{0, 67, 2}, skipped: "a",
			named: map[string]string{"bos_token": "<|im_start|>"}},
		{name: "null", config: `{"bos_token":null,"split_special_tokens":false}`, text: "a", ids: []int32{67}, skipped: "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			replace, added := map[string]string{}, []string{}
			if c.post != "" {
				replace["post_processor"] = c.post
			}
			if c.added != "" {
				added = append(added, c.added)
			}
			tk, err := parse(files{tokenizer: demoWith(t, replace, added...), config: []byte(c.config), special: []byte(c.older)})
			if err != nil {
				t.Fatal(err)
			}
			got := tk.Encode(c.text, true)
			if !slices.Equal(got, c.ids) {
				t.Errorf("Encode(%q) = %v, want %v", c.text, got, c.ids)
			}
			if got := tk.Decode(got, true); got != c.skipped {
				t.Errorf("decoded without special tokens: %q, want %q", got, c.skipped)
			}
			want := c.named
			if want == nil {
				want = map[string]string{}
			}
			if diff := cmp.Diff(want, tk.SpecialTokens()); diff != "" {
				t.Errorf("SpecialTokens (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	tk := load(t, filepath.Join(tol.Root(t), "testdata/goldens/smollm2"))
	if token, id, ok := tk.EOS(); token != "<|im_end|>" || id != 2 || !ok {
		t.Errorf("EOS() = %q, %d, %v", token, id, ok)
	}
	if token, id, ok := tk.BOS(); token != "<|im_start|>" || id != 1 || !ok {
		t.Errorf("BOS() = %q, %d, %v", token, id, ok)
	}
	if got := tk.VocabSize(); got != 49152 {
		t.Errorf("VocabSize() = %d", got)
	}
	if id, ok := tk.TokenID("Ġthe"); id != 260 || !ok {
		t.Errorf("TokenID = %d, %v", id, ok)
	}
	if _, ok := tk.TokenID("no such token"); ok {
		t.Error("TokenID has a token that is not there")
	}
	if got := tk.Decode([]int32{-1, 260, 1 << 30}, false); got != " the" {
		t.Errorf("Decode with ids that have no token = %q", got)
	}
	none, err := Parse(demoWith(t, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := none.EOS(); ok {
		t.Error("a tokenizer without config has an EOS")
	}
}

// TestRefused checks that what would change the ids and is not supported is an error that names it.
func TestRefused(t *testing.T) {
	model := func(extra string) string {
		return `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]` + extra + `}`
	}
	for _, c := range []struct{ field, value, config, want string }{
		{"normalizer", `{"type":"ByteLevel"}`, "", `normalizer: type "ByteLevel" is not supported`},
		{"normalizer", `{"type":"Strip","strip_left":true}`, "", "normalizer: Strip needs"},
		{"normalizer", `{"type":"BertNormalizer","lowercase":true}`, "", "normalizer: BertNormalizer needs"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"AA==\n"}`, "", "normalizer: precompiled_charsmap: a line break"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"AB=="}`, "", "normalizer: precompiled_charsmap: illegal base64"},
		{"normalizer", `{"type":"Precompiled"}`, "", "shorter than its header of 4 bytes"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"AAAAAA=="}`, "", "has no trie"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"/////w=="}`, "", "shorter than its header says"},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAAD/"}`, "", "not UTF-8"},
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Unheard"}]}`, "", `normalizer.normalizers[1]: type "Unheard"`},
		{"normalizer", `{"type":"NFC","form":1}`, "", `normalizer: json: unknown field "form"`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"a*"},"content":""}`, "", `normalizer: the regular expression "a*" is not supported: it may match nothing`},
		{"normalizer", `{"type":"Replace","pattern":{"String":""},"content":""}`, "", "normalizer: pattern must have"},
		{"normalizer", `{"type":"Sequence","normalizers":[` + strings.Repeat(`{"type":"Replace","pattern":{"String":"a"},"content":"aa"},`, 40) + `{"type":"NFC"}]}`, "", "normalizer: a text could become 10000 times as long"},
		{"normalizer", `"NFC"`, "", "normalizer: not an object"},
		{"pre_tokenizer", `{"type":"UnicodeScripts"}`, "", `pre_tokenizer: type "UnicodeScripts"`},
		{"pre_tokenizer", `{"type":"CharDelimiterSplit","delimiter":""}`, "", "delimiter must be one character"},
		{"pre_tokenizer", `{"type":"FixedLength","length":0}`, "", "length must be at least 1"},
		{"pre_tokenizer", `{"type":"Punctuation","behavior":"isolated"}`, "", `behavior "isolated"`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"Regex":"\\p{Han}+"},"behavior":"Isolated","invert":false}`, "", `pre_tokenizer: the regular expression "\\p{Han}+" is not supported: at byte 3: \p{Han}`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Sideways","invert":false}`, "", `behavior "Sideways"`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":""},"behavior":"Isolated","invert":false}`, "", "pattern must have"},
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},{"type":"Digits"}]}`, "", "pretokenizers[1]: nothing is supported after ByteLevel"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"__"}`, "", "replacement must be one character"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}`, "", `prepend_scheme "last"`},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"first","add_prefix_space":false}`, "", "add_prefix_space is false"},
		{"model", `{"type":"WordPiece","vocab":{}}`, "", `model: type "WordPiece"`},
		{"model", `null`, "", "model: missing"},
		{"model", `{"type":"Unigram","vocab":[["a",-1]]}`, "", "model: unk_id is missing"},
		{"model", `{"type":"Unigram","unk_id":1,"vocab":[["a",-1]]}`, "", "model: unk_id 1, but vocab has 1 pieces"},
		{"model", `{"type":"Unigram","unk_id":-1,"vocab":[]}`, "", "model: unk_id -1"},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",-1],["a",-2]]}`, "", `model: vocab[1]: "a" is vocab[0], too`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a"]]}`, "", "a piece with 1 values"},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a","b"]]}`, "", "is not a number"},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",1e999]]}`, "", "out of range"},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",-1]],"alpha":0.1}`, "", `unknown field "alpha"`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",-1]]}`, `{"tokenizer_class":"GPT2Tokenizer"}`, "a Unigram is not supported there"},
		{"model", `{"type":"WordLevel","vocab":{}}`, "", `model: type "WordLevel"`},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}`, "", `"a" and "b" have the id 0`},
		{"model", model(`,"dropout":0.1`), "", "dropout"},
		{"model", model(`,"end_of_word_suffix":"</w>"`), "", "end_of_word_suffix"},
		{"model", model(`,"continuing_subword_prefix":"##"`), "", "continuing_subword_prefix"},
		{"model", model(`,"unk_token":"?"`), "", `unk_token "?" is not in vocab`},
		{"model", model(`,"novelty":true`), "", `unknown field "novelty"`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a b"]}`, "", `merge 0 of "a" and "b": "b" is not in vocab`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}`, "", `merges[0]: "a a a" is not two tokens`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}`, "", "merges[0]: 1 strings"},
		{"model", `{"type":"BPE","vocab":{"a":-1},"merges":[]}`, "", `token "a" has the id -1`},
		{"model", `{"type":"BPE","vocab":{"a":2000000000},"merges":[]}`, "", "id 2000000000"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`, "", `special_tokens lacks "x"`},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`, "", "neither a SpecialToken nor the Sequence A"},
		{"post_processor", `{"type":"Sequence","processors":[{"type":"BertProcessing","sep":["a",1],"cls":["b",2]},{"type":"BertProcessing","sep":["a",1],"cls":["b",2]}]}`, "", "processors[1]: a second"},
		{"post_processor", `{"type":"BertProcessing","sep":["a",1],"cls":["b",9999]}`, "", "post_processor: its id 9999 has no token"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[-1],"tokens":["x"]}}}`, "", "post_processor: its id -1 has no token"},
		{"decoder", strings.Repeat(`{"type":"Sequence","decoders":[`, 30) + `{"type":"Fuse"}` + strings.Repeat("]}", 30), "", "more than 20 sequences in one another"},
		{"decoder", `{"type":"DecodeStream"}`, "", `decoder: type "DecodeStream"`},
		{"decoder", `{"type":"CTC","pad_token":"a"}`, "", "decoder: CTC needs"},
		{"decoder", `{"type":"WordPiece","prefix":"a"}`, "", "decoder: WordPiece needs"},
		{"decoder", `{"type":"BPEDecoder"}`, "", "decoder: BPEDecoder needs"},
		{"decoder", `{"type":"Strip","content":"ab","start":1,"stop":0}`, "", "one character"},
		{"added_tokens", `[{"id":7,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`, "", `added_tokens[0]: "<x>" must have the id 2048`},
		{"novelty", `1`, "", `unknown field "novelty"`},
		{"", "", `{"split_special_tokens":true}`, "split_special_tokens is not supported"},
		{"", "", `{"added_tokens_decoder":{"5":{"content":"<x>"}}}`, `gives "<x>" the id 5`},
		{"", "", `{"added_tokens_decoder":{"five":{"content":"<x>"}}}`, `key "five" is not an id`},
		{"", "", `{"eos_token":5}`, "eos_token"},
		{"", "", `{"tokenizer_class":"T5Tokenizer"}`, "transformers builds its T5Tokenizer anew from the vocabulary"},
		{"", "", `{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":null}`, "add_prefix_space is null"},
		{"", "", `{"tokenizer_class":"GemmaTokenizer","unk_token":null}`, "GemmaTokenizer needs one"},
		{"", "", `{"tokenizer_class":5}`, "tokenizer_class"},
		{"", "", `{"auto_map":{"AutoTokenizer":["a.B",null]}}`, "auto_map names a tokenizer with code of its own"},
		{"", "", `{"fix_mistral_regex":true}`, "fix_mistral_regex is true"},
		{"", "", `{"fast_tokenizer_files":["tokenizer.4.json"]}`, "fast_tokenizer_files"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}`, "", "could take away what a text begins with"},
		{"added_tokens", `[{"id":2048,"content":"a<x>","normalized":true},{"id":2049,"content":"b<x>","normalized":true}]`, "", `"a<x>" and "b<x>" are the same after normalization`},
		{"", "", `[]`, "tokenizer_config.json"},
	} {
		replace := map[string]string{}
		if c.field != "" {
			replace[c.field] = c.value
		}
		if c.field == "model" {
			replace["added_tokens"] = "[]"
		}
		if strings.Contains(c.want, "could take away") || strings.Contains(c.want, "the same after") {
			replace["normalizer"] = `{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"String":"b"},"content":"a"},{"type":"Replace","pattern":{"String":" "},"content":""}]}`
		}
		_, err := Parse(demoWith(t, replace), []byte(c.config))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %s: error %v, want one with %q", c.field, c.value, c.config, err, c.want)
		}
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no tokenizer.json") {
		t.Errorf("Load of an empty directory: %v", err)
	}
}

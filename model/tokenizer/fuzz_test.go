package tokenizer

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

// FuzzParse checks that no file makes Parse or what it returns panic.
func FuzzParse(f *testing.F) {
	const model = `"model":{"type":"BPE","unk_token":"a","fuse_unk":true,"byte_fallback":true,"vocab":{"a":0,"b":1,"ab":2,"▁":3,"<0x41>":4},"merges":["a b"]}`
	f.Add(`{`+model+`}`, `{"eos_token":"b"}`, "ab A")
	f.Add(`{"added_tokens":[{"id":5,"content":"<x>","lstrip":true,"rstrip":true,"single_word":true,"normalized":true}],"normalizer":{"type":"NFD"},`+model+`}`, `{}`, " <x> é")
	f.Add(`{"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"decoder":{"type":"Strip","content":"a","start":9,"stop":9},`+model+`}`, `null`, "a b")
	f.Add(`{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true},"decoder":{"type":"ByteLevel"},`+model+`}`, ``, "\xff\xf0\x90")
	f.Add(`{"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]},"decoder":{"type":"ByteFallback"},`+model+`}`, `[]`, "A")
	const unigram = `"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["a",-1.5],["ab",-2e0],["▁",-0.30000000000000004],["b",-12345678901234567890123.5],["<0x41>",-9]]}`
	f.Add(`{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false},`+unigram+`}`, `{"clean_up_tokenization_spaces":true}`, "ab A ba <unk>")
	f.Add(`{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"Split","pattern":{"Regex":"(?i:'s|'t)|[^\\s\\p{L}]?+\\w+?(?!a\\b)|.+$"},"behavior":"MergedWithNext","invert":true},{"type":"ByteLevel","use_regex":true}]},`+unigram+`}`, ``, "it's 12\n")
	f.Add(`{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"Regex":"a{2,}|[b-d]"},"content":"x"}]},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁"},{"type":"Fuse"}]},`+model+`}`, `{"unk_token":"a"}`, "aab é\u0301")
	f.Add(`{"post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1],"trim_offsets":true,"add_prefix_space":false}]},"pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"Contiguous","invert":false},`+model+`}`, `{"tokenizer_class":"LlamaTokenizer","legacy":false,"unk_token":"b"}`, "a  b")
	f.Add(`{"added_tokens":[{"id":5,"content":"<x>"}],`+model+`}`, `{"tokenizer_class":"GemmaTokenizer","unk_token":"a","added_tokens_decoder":{"5":{"content":"<x>","lstrip":true}},"extra_special_tokens":["<y>"]}`, "<x> <y> ▁ab")
	f.Add(`{"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"b","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"b":{"id":"b","ids":[1],"tokens":["b"]}}},`+model+`}`, `{"tokenizer_class":"GPTNeoXTokenizer","add_prefix_space":true}`, "ab")
	f.Add(`{"normalizer":{"type":"Precompiled","precompiled_charsmap":"`+precompiled(map[string]string{"a": "b", "\u00e9": "ab", "x": ""})+`"},`+unigram+`}`, ``, "a\u0301 x é\r\n")
	f.Add(`{"normalizer":{"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"NFKD"},{"type":"StripAccents"},{"type":"NFKC"},{"type":"Nmt"},{"type":"Lowercase"}]},`+unigram+`}`, ``, " ＡB\u0301 ﬁ")
	f.Add(`{"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},`+model+`}`, ``, "日A é\x00")
	f.Add(`{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Whitespace"},{"type":"Punctuation","behavior":"Contiguous"},{"type":"CharDelimiterSplit","delimiter":"b"},{"type":"BertPreTokenizer"},{"type":"FixedLength","length":2}]},`+unigram+`}`, ``, "a!! b, ab")
	f.Add(`{"decoder":{"type":"Sequence","decoders":[{"type":"WordPiece","prefix":"a","cleanup":true},{"type":"CTC","pad_token":"b","word_delimiter_token":"","cleanup":true},{"type":"BPEDecoder","suffix":""}]},`+model+`}`, ``, "ab a b A")
	f.Fuzz(func(t *testing.T, file, config, text string) {
		tk, err := Parse([]byte(file), []byte(config))
		if err != nil {
			return
		}
		ids := tk.Encode(text, true)
		for _, id := range ids {
			if _, ok := tk.Token(id); !ok {
				t.Fatalf("id %d has no token", id)
			}
		}
		if !slices.Equal(tk.Encode(text, true), ids) {
			t.Fatal("other ids at the second time")
		}
		tk.Decode(ids, false)
		tk.Decode(ids, true)
		tk.EOS()
	})
}

// FuzzEncode checks that a byte-level tokenizer gives a text back and only ids of its vocabulary.
func FuzzEncode(f *testing.F) {
	tk := load(f, filepath.Join(tol.Root(f), "testdata/demo/model"))
	for _, text := range []string{"", "Hello  world\n", "<|im_start|>é\u0301", "\xff\xf0\x90", strings.Repeat("=-", 100)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids := tk.Encode(text, false)
		for _, id := range ids {
			if id < 0 || int(id) >= tk.VocabSize() {
				t.Fatalf("id %d of %q is not in the vocabulary", id, text)
			}
		}
		if got, want := tk.Decode(ids, false), strings.ToValidUTF8(text, "\uFFFD"); got != want {
			t.Errorf("%q came back as %q", want, got)
		}
	})
}

// TestHistory checks that what was encoded before changes nothing.
func TestHistory(t *testing.T) {
	for _, data := range [][]byte{file(t, filepath.Join(tol.Root(t), "testdata/goldens/smollm2"), tokenizerFile), spmLike(t), []byte(unigramFile(2, `"normalizer":null,"pre_tokenizer":null`))} {
		tk, err := Parse(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		texts := randomTexts(41, 500, []string{"<s>", "<|im_start|>", " the"})
		for i := range 2 * len(texts) {
			text := texts[(i*197)%len(texts)]
			got := tk.Encode(text, true)
			kept := tk.encoders.Get()
			tk.encoders.Put(tk.encoders.New())
			want := tk.Encode(text, true) // with a new session
			tk.encoders.Put(kept)
			if !slices.Equal(got, want) {
				t.Errorf("%q: %v, and %v without a past", text, got, want)
			}
		}
	}
}

// TestConcurrent checks that goroutines share a tokenizer.
func TestConcurrent(t *testing.T) {
	tk := load(t, filepath.Join(tol.Root(t), "testdata/demo/model"))
	cases := readLines[struct {
		Tokenizer string
		want
	}](t, "testdata/ids.jsonl.gz")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range cases {
				c := cases[(i*7+g)%len(cases)]
				if c.Tokenizer == "testdata/demo/model" && !slices.Equal(tk.Encode(c.Text, false), c.IDs) {
					t.Errorf("goroutine %d: other ids of %q", g, c.Text)
				}
			}
		})
	}
	wg.Wait()
}

// TestNotUTF8 checks what becomes of bytes that are not UTF-8: encoded, a run of them is one U+FFFD; decoded, each maximal part of a
// character is one.
func TestNotUTF8(t *testing.T) {
	tk := load(t, filepath.Join(tol.Root(t), "testdata/demo/model"))
	if got, want := tk.Encode("a\xff\xfeb", false), tk.Encode("a\uFFFDb", false); !slices.Equal(got, want) {
		t.Errorf("Encode = %v, want %v", got, want)
	}
	// The Unicode Standard, tables 3-8 to 3-11, and Rust's documentation of from_utf8_lossy.
	for in, want := range map[string]string{
		"a\xffb":                               "a?b",
		"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82":     "????????",
		"\xed\xa0\x80\xed\xbf\xbf":             "??????",
		"\xf4\x91\x92\x93\xff\x41\x80":         "?????A?",
		"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41": "????A",
		"\xe4\xbd":                             "?",
		"\xf0\x90\x8d":                         "?",
		"\xe6\x97\xa5\xe6\x97":                 "日?",
		"\xf0\x90\xf0\x90\x8d\x88":             "?𐍈",
	} {
		if got := valid(in); got != strings.ReplaceAll(want, "?", "\uFFFD") || !utf8.ValidString(got) {
			t.Errorf("valid(%q) = %q, want %q", in, got, want)
		}
	}
}

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
	f.Fuzz(func(t *testing.T, file, config, text string) {
		tk, err := Parse([]byte(file), []byte(config))
		if err != nil {
			return
		}
		ids := tk.Encode(text, true)
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

package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/bpe"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/scan"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// The files of testdata are made by the crate; see testdata/README.md.

func TestIDs(t *testing.T) {
	loaded := map[string]*Tokenizer{}
	for _, c := range readLines[struct {
		Tokenizer string
		want
	}](t, "testdata/ids.jsonl.gz") {
		tk := loaded[c.Tokenizer]
		if tk == nil {
			tk = load(t, filepath.Join(tol.Root(t), filepath.FromSlash(c.Tokenizer)))
			loaded[c.Tokenizer] = tk
		}
		check(t, tk, c.want)
	}
	if len(loaded) != 2 {
		t.Errorf("%d tokenizers instead of 2", len(loaded))
	}
}

func TestComponents(t *testing.T) {
	demo, err := os.ReadFile(filepath.Join(tol.Root(t), "testdata/demo/model/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range readLines[struct {
		Name    string
		Replace map[string]json.RawMessage
		Results []want
	}](t, "testdata/components.jsonl.gz") {
		t.Run(c.Name, func(t *testing.T) {
			var file map[string]json.RawMessage
			if err := json.Unmarshal(demo, &file); err != nil {
				t.Fatal(err)
			}
			for field, value := range c.Replace {
				file[field] = value
			}
			data, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			tk, err := Parse(data, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Results {
				check(t, tk, w)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	for _, c := range readLines[struct {
		Pattern, Text string
		Pieces        []string
	}](t, "testdata/pieces.jsonl.gz") {
		find, _ := scan.Pattern(c.Pattern)
		switch c.Pattern {
		case "Digits True":
			find = scan.Numerals(true)
		case "Digits False":
			find = scan.Numerals(false)
		}
		if find == nil {
			t.Fatalf("no scanner for %s", c.Pattern)
		}
		var got []string
		for _, p := range (cut{find: find}).split(nil, piece{text: c.Text}) {
			got = append(got, p.text)
		}
		if !slices.Equal(got, c.Pieces) {
			t.Errorf("%s of %q\n got %q\nwant %q", c.Pattern, c.Text, got, c.Pieces)
		}
	}
}

func TestForms(t *testing.T) {
	for _, c := range readLines[struct{ Text, NFC, NFD string }](t, "testdata/forms.jsonl.gz") {
		if got := ucd.NFC(c.Text); got != c.NFC {
			t.Errorf("NFC(%+q)\n got %+q\nwant %+q", c.Text, got, c.NFC)
		}
		if got := ucd.NFD(c.Text); got != c.NFD {
			t.Errorf("NFD(%+q)\n got %+q\nwant %+q", c.Text, got, c.NFD)
		}
	}
}

// TestKnownCategories checks the tables where the crate's Unicode is newer than Go's, and the white space that is no Z.
func TestKnownCategories(t *testing.T) {
	for _, c := range []struct {
		r    rune
		want ucd.Category
	}{
		{'a', ucd.Ll}, {'Z', ucd.Lu}, {'0', ucd.Nd}, {'½', ucd.No}, {'Ⅷ', ucd.Nl}, {' ', ucd.Zs}, {'\n', ucd.Ws}, {0x85, ucd.Ws},
		{0x200B, ucd.Cf}, {0x2EBF0, ucd.Lo}, {0x10D50, ucd.Lu}, {0xA7DA, ucd.Lu}, {0xD800, ucd.Cs}, {0x10FFFF, ucd.Cn}, {0x110000, ucd.Cn},
		{-1, ucd.Cn}, {0xE000, ucd.Co},
	} {
		if got := ucd.Of(c.r); got != c.want {
			t.Errorf("category of %U is %d, want %d", c.r, got, c.want)
		}
	}
}

// TestBytesComeBack checks that a byte-level tokenizer loses nothing but the bytes that its vocabulary lacks, as SmolLM2's lacks some.
func TestBytesComeBack(t *testing.T) {
	for dir, lacks := range map[string]string{
		"testdata/demo/model":      "",
		"testdata/goldens/smollm2": "\x04\x06\x13\x14\x16\x1d\xc0\xc1\xf1\xf2\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff",
	} {
		tk := load(t, filepath.Join(tol.Root(t), dir))
		for b := range 256 {
			raw := string([]byte{byte(b)})
			if _, has := tk.TokenID(bpe.Spell(raw)); has == strings.Contains(lacks, raw) {
				t.Errorf("%s: vocabulary has byte %q: %v", dir, raw, has)
			}
		}
		kept := func(r rune) rune {
			for _, b := range []byte(string(r)) {
				if strings.IndexByte(lacks, b) >= 0 {
					return -1
				}
			}
			return r
		}
		texts := []string{strings.Repeat("aé日👍 \n", 5000), "\x04\U000C0000"}
		for _, c := range readLines[want](t, "testdata/ids.jsonl.gz") {
			texts = append(texts, c.Text)
		}
		for _, text := range texts {
			text = strings.Map(kept, text)
			if got := tk.Decode(tk.Encode(text, false), false); got != text {
				t.Errorf("%s: %.200q came back as %.200q", dir, text, got)
			}
		}
	}
}

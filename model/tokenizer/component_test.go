package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// spelling returns a tokenizer.json of a small model with components.
func spelling(extra string) string {
	return `{"version":"1.0","added_tokens":[],` + extra + `,"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`
}

// precompiled returns a precompiled charsmap in base64. The children of the n-th node of its trie are at 256n.
func precompiled(texts map[string]string) string {
	units, nodes, of := make([]uint32, 512), uint32(1), map[string]uint32{"": 0} // where the node of each beginning of a key is
	base := map[string]uint32{"": 256}
	units[0] = 256 << 10
	blob := "\x00"
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		for n := 1; n <= len(key); n++ {
			head := key[:n]
			if _, ok := of[head]; ok {
				continue
			}
			at := base[key[:n-1]] ^ uint32(key[n-1])
			nodes++
			of[head], base[head] = at, 256*nodes
			units = append(units, make([]uint32, 256)...)
			units[at] = uint32(key[n-1]) | (at^256*nodes)<<10
		}
		units[of[key]] |= 1 << 8
		units[base[key]] = 1<<31 | uint32(len(blob))
		blob += texts[key] + "\x00"
	}
	data := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint32(data, u)
	}
	return base64.StdEncoding.EncodeToString(append(data, blob...))
}

// charsmaps are one that shows clusters (see testdata/tables.py), one as SentencePiece makes it and one of random keys.
func charsmaps() map[string]map[string]string {
	r := rand.New(rand.NewPCG(5, 5))
	bytes, forms, random := map[string]string{}, map[string]string{}, map[string]string{}
	for b := 1; b < 256; b++ {
		if b != '\n' {
			bytes[string([]byte{byte(b)})] = "X"
		}
	}
	for c := rune(0xA0); c < 0x30000; c += 1 + rune(r.IntN(60)) {
		if to := ucd.NFKC(string(c)); to != string(c) {
			forms[string(c)] = to
			forms[ucd.NFD(string(c))] = to
		}
	}
	for _, c := range "\u200b\u200e\ufeff" {
		forms[string(c)] = " "
	}
	forms["\u00ad"], forms["\u0007"], forms["\u0301"] = "", "", ""
	for range 300 {
		key := clusters(r, 1+r.IntN(2))
		random[key] = clusters(r, r.IntN(4))
		if strings.Contains(key+random[key], "\x00") {
			delete(random, key)
		}
	}
	return map[string]map[string]string{"bytes": bytes, "forms": forms, "random": random}
}

// clusters returns n characters of what makes clusters.
func clusters(r *rand.Rand, n int) string {
	const pool = "aab \r\n\n©©®👍🏽❤\ufe0f\u200d\u200d\u200d\u0301\u0301\u0308\u0300\u0345क््तक়ক্\u0903\u0e33\u0600\u06dd\u110bd\u1100\u1161\u11a8가각각🇩🇪\U000E0061\U000110BD\u1160\ua960\ud7b0\ud7cb\u00ad\u200c\u200e\ufeff\x01\x07ﬁ①ａÅé\u034f\u1b44\u1b13\U00011133\U00011107"
	runes := []rune(pool)
	var b strings.Builder
	for range n {
		if r.IntN(40) == 0 {
			if c := rune(r.IntN(utf8.MaxRune + 1)); utf8.ValidRune(c) {
				b.WriteRune(c)
				continue
			}
		}
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

// sweep returns texts that have every code point between the same two strings.
func sweep(before, after string) []string {
	var texts []string
	for first := rune(0); first <= utf8.MaxRune; first += 1 << 10 {
		var b strings.Builder
		for c := first; c < first+1<<10; c++ {
			if utf8.ValidRune(c) {
				b.WriteString(before + string(c) + after)
			}
		}
		texts = append(texts, b.String())
	}
	return texts
}

// componentTexts are texts of every kind.
func componentTexts() []string {
	texts := append(randomTexts(77, 3000, nil), sweep("\na", "a")...)
	r := rand.New(rand.NewPCG(6, 6))
	for range 6000 {
		texts = append(texts, clusters(r, 1+r.IntN(12)))
	}
	return texts
}

// TestClusters compares where grapheme clusters break with the crate, beside every code point.
func TestClusters(t *testing.T) {
	p := startPeer(t)
	data := spelling(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"` + precompiled(charsmaps()["bytes"]) + `"}`)
	tk, err := Parse([]byte(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, around := range [][2]string{{"\na", ""}, {"\n", "\u0301\u0301"}, {"\n©", "\u200d©\u0301"}, {"\n\u0915", "\u0915\u0301"}, {"\n\u0915\u094d", "\u0301"}} {
		texts = append(texts, sweep(around[0], around[1])...)
	}
	a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts, Show: "normalizer"})
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	for i, text := range texts {
		if got := tk.normalizer.normalize(text); got != a.Pieces[i][0] {
			t.Errorf("%.60q and on: other clusters", text)
		}
	}
}

// normalizerCases are normalizers by name.
func normalizerCases() map[string]string {
	cases := map[string]string{
		"strip left": `{"type":"Strip","strip_left":true,"strip_right":false}`, "strip right": `{"type":"Strip","strip_left":false,"strip_right":true}`,
		"strip":     `{"type":"Strip","strip_left":true,"strip_right":true}`,
		"none":      `{"type":"Strip","strip_left":false,"strip_right":false}`,
		"accents":   `{"type":"Sequence","normalizers":[{"type":"NFKD"},{"type":"StripAccents"},{"type":"Lowercase"}]}`,
		"bert null": `{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}`,
		"bert none": `{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":true,"lowercase":false}`,
		"albert":    `{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"String":"a"},"content":"\""},{"type":"NFKD"},{"type":"StripAccents"},{"type":"Lowercase"},{"type":"Precompiled","precompiled_charsmap":"` + precompiled(charsmaps()["forms"]) + `"}]}`,
	}
	for kind := range changes {
		cases[kind] = fmt.Sprintf(`{"type":%q}`, kind)
	}
	for _, i := range []int{1, 2, 4, 8, 15} {
		on := func(bit int) bool { return i>>bit&1 == 1 }
		cases[fmt.Sprint("bert ", i)] = fmt.Sprintf(`{"type":"BertNormalizer","clean_text":%t,"handle_chinese_chars":%t,"strip_accents":%t,"lowercase":%t}`, on(0), on(1), on(2), on(3))
	}
	for name, texts := range charsmaps() {
		cases["charsmap of "+name] = `{"type":"Precompiled","precompiled_charsmap":"` + precompiled(texts) + `"}`
	}
	return cases
}

// TestNormalizers compares normalizers with the crate's.
func TestNormalizers(t *testing.T) {
	p := startPeer(t)
	texts := componentTexts()
	for name, value := range normalizerCases() {
		t.Run(name, func(t *testing.T) {
			data := spelling(`"normalizer":` + value)
			tk, err := Parse([]byte(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts, Show: "normalizer"})
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			grown := growth(tk.normalizer)
			failures := 0
			for i, text := range texts {
				got, want := tk.normalizer.normalize(text), a.Pieces[i][0]
				if got != want {
					at := 0
					for at < min(len(got), len(want)) && got[at] == want[at] {
						at++
					}
					t.Errorf("%.60q at byte %d:\n got %+.60q\nwant %+.60q", text, at, got[max(0, at-8):], want[max(0, at-8):])
					if failures++; failures == 5 {
						t.Fatal("stopped")
					}
				}
				if len(got) > grown*len(text) {
					t.Errorf("%d bytes became %d; growth is %d", len(text), len(got), grown)
				}
			}
		})
	}
}

// TestPipelines compares whole tokenizers of the kinds that carry these components with the crate: T5's and XLM-RoBERTa's, ALBERT's, BERT's.
func TestPipelines(t *testing.T) {
	p := startPeer(t)
	map1 := `{"type":"Precompiled","precompiled_charsmap":"` + precompiled(charsmaps()["forms"]) + `"}`
	r := rand.New(rand.NewPCG(7, 7))
	texts := randomTexts(81, 3000, []string{"</s>", "Th\u0301e", " The ", "ＴＨＥ", "the"})
	for range 2000 {
		texts = append(texts, clusters(r, 1+r.IntN(12)))
	}
	for i, extra := range []string{
		`"normalizer":{"type":"Sequence","normalizers":[` + map1 + `,{"type":"Strip","strip_left":false,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`,
		`"normalizer":` + map1 + `,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}]}`,
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKD"},{"type":"StripAccents"},{"type":"Lowercase"},` + map1 + `]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation"},{"type":"Metaspace","replacement":"▁"}]}`,
		`"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"}`,
		`"normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"NFKC"},{"type":"Strip","strip_left":true,"strip_right":true}]},"pre_tokenizer":{"type":"Whitespace"}`,
		`"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`,
	} {
		data := unigramFile(uint64(20+i), extra)
		tk, err := Parse([]byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		data = strings.Replace(data, `"added_tokens":[`, fmt.Sprintf(`"added_tokens":[{"id":%d,"content":"THÉ","single_word":false,"lstrip":true,"rstrip":false,"normalized":true,"special":false},`, tk.VocabSize()), 1)
		if tk, err = Parse([]byte(data), nil); err != nil {
			t.Fatal(err)
		}
		a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts})
		if a.Error != "" {
			t.Fatal(a.Error)
		}
		compare(t, tk, a)
	}
}

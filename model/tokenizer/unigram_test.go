package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// unigramFile returns a tokenizer.json with a Unigram of random pieces. Scores have few values, so many ways have the same sum, or one
// that differs in the last bit.
func unigramFile(seed uint64, extra string) string {
	r := rand.New(rand.NewPCG(seed, 3))
	var vocab []string
	seen := map[string]bool{}
	add := func(token, score string) {
		if !seen[token] {
			seen[token] = true
			name, _ := json.Marshal(token)
			vocab = append(vocab, fmt.Sprintf("[%s,%s]", name, score))
		}
	}
	scores := []string{"-1", "-2", "-0.1", "-0.2", "-0.30000000000000004", "-15.275492379532281", "-1.8771917354846979", "-3.5e0", "-12345678901234567890.5e-19", "0", "-0.0"}
	score := func() string {
		if r.IntN(3) == 0 {
			return strconv.FormatFloat(-20*r.Float64(), 'g', -1, 64)
		}
		return scores[r.IntN(len(scores))]
	}
	add("<unk>", "0")
	add("</s>", "0")
	for b := range 256 {
		if seed%2 == 0 || b > 0x90 {
			add(fmt.Sprintf("<0x%02X>", b), "-9")
		}
	}
	alphabet := []rune("▁▁abcdeé日👍Thelo ½")
	for range 400 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		add(b.String(), score())
	}
	return `{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],` +
		extra + `,"post_processor":null,"decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"model":{"type":"Unigram","unk_id":0,"byte_fallback":` +
		strconv.FormatBool(seed%3 != 0) + `,"vocab":[` + strings.Join(vocab, ",") + `]}}`
}

// words returns texts of words made of a few syllables, some of them accented.
func words(n int) []string {
	r := rand.New(rand.NewPCG(8, 8))
	syllables := []string{"the", "ing", "é", "日", "ab", "re", "tion", "o", "s", "un", "qu", "ick", " ", " ", ", "}
	texts := make([]string, n)
	for i := range texts {
		for range 3 + r.IntN(12) {
			texts[i] += syllables[r.IntN(len(syllables))]
		}
	}
	return texts
}

// TestUnigram compares Unigram models with the crate: random ones, and one that the crate trains.
func TestUnigram(t *testing.T) {
	p := startPeer(t)
	pieces := []string{
		`"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`,
		`"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},"pre_tokenizer":null`,
		`"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"use_regex":true,"trim_offsets":true}`,
	}
	files := map[string]string{}
	for seed := range uint64(9) {
		files[fmt.Sprintf("random %d", seed)] = unigramFile(seed, pieces[seed%3])
	}
	trained := p.get(t, question{Train: 300, Texts: words(2000)})
	if trained.Error != "" {
		t.Fatal(trained.Error)
	}
	files["trained"] = trained.File
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			tk, err := Parse([]byte(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			alphabet := []string{"▁a", "ab", "abcde", "é", "日👍", "</s>", "<unk>", "<unk>x", "<0x41>", "bcd", "Thelo", "½½", "tion", " the", "quick", "reing"}
			texts := append(randomTexts(32, 600, alphabet), strings.Repeat("abcde▁", 3000))
			a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts})
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			compare(t, tk, a)
		})
	}
}

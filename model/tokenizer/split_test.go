package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// splitCases are pre-tokenizers by name.
func splitCases() map[string]string {
	cases := map[string]string{
		"delimiter": `{"type":"CharDelimiterSplit","delimiter":"a"}`, "delimiter é": `{"type":"CharDelimiterSplit","delimiter":"é"}`,
		"five": `{"type":"FixedLength"}`, "one": `{"type":"FixedLength","length":1}`, "three": `{"type":"FixedLength","length":3}`,
		"punctuation": `{"type":"Punctuation"}`,
		"sequence":    `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation","behavior":"MergedWithPrevious"},{"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}`,
		"cjk":         `{"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"FixedLength","length":4},{"type":"BertPreTokenizer"}]}`,
	}
	for kind := range chains {
		cases[kind] = fmt.Sprintf(`{"type":%q}`, kind)
	}
	for behavior := range keeps {
		cases["punctuation "+behavior] = fmt.Sprintf(`{"type":"Punctuation","behavior":%q}`, behavior)
	}
	return cases
}

// TestPreTokenizers compares pre-tokenizers with the crate's.
func TestPreTokenizers(t *testing.T) {
	p := startPeer(t)
	few := append(randomTexts(78, 3000, nil), randomTexts(79, 1000, []string{"a", "é", "!?", "  "})...)
	all := append(slices.Clip(few), sweep("a", "")...)
	for name, value := range splitCases() {
		t.Run(name, func(t *testing.T) {
			data := spelling(`"pre_tokenizer":` + value)
			tk, err := Parse([]byte(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			texts := few
			if _, ok := chains[name]; ok || name == "punctuation" {
				texts = all
			}
			a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts, Show: "pre_tokenizer"})
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			failures := 0
			for i, text := range texts {
				var got []string
				for _, piece := range tk.preTokenizer.split(nil, piece{text, true}) {
					if piece.text != "" {
						got = append(got, piece.text)
					}
				}
				want := slices.DeleteFunc(a.Pieces[i], func(s string) bool { return s == "" })
				if !slices.Equal(got, want) {
					at := 0
					for at < min(len(got), len(want)) && got[at] == want[at] {
						at++
					}
					t.Errorf("%.60q at piece %d:\n got %.60q\nwant %.60q", text, at, strings.Join(got[at:], "|"), strings.Join(want[at:], "|"))
					if failures++; failures == 5 {
						t.Fatal("stopped")
					}
				}
			}
		})
	}
}

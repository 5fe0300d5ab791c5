package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestWordDecoders compares WordPiece, BPEDecoder and CTC with the crate on lists of tokens that they tell apart.
func TestWordDecoders(t *testing.T) {
	p := startPeer(t)
	tokens := []string{"##ing", "##", "##.", "the", "the</w>", "</w>", "x</w>y", ".", "?", "!", " ,", "'", " ' ", "n't", "'m", "do not", " do not", "'s", "'ve", "'re", "<pad>", "a<pad>b", "|", "a|b", "| .", "é", " ", "日"}
	var added []string
	for i, token := range tokens {
		content, _ := json.Marshal(token)
		added = append(added, fmt.Sprintf(`{"id":%d,"content":%s,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":%t}`, i+1, content, token == "|"))
	}
	r := rand.New(rand.NewPCG(9, 9))
	texts := []string{"", "a", "##a"}
	for range 2000 {
		var b strings.Builder
		for range r.IntN(10) {
			b.WriteString(strings.Repeat(append(tokens, "a")[r.IntN(len(tokens)+1)], 1+r.IntN(4)/3))
		}
		texts = append(texts, b.String())
	}
	for _, decoder := range []string{
		`{"type":"WordPiece","prefix":"##","cleanup":true}`, `{"type":"WordPiece","prefix":"##","cleanup":false}`, `{"type":"WordPiece","prefix":"","cleanup":true}`,
		`{"type":"BPEDecoder","suffix":"</w>"}`, `{"type":"BPEDecoder","suffix":""}`,
		`{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":true}`, `{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":false}`,
		`{"type":"CTC","pad_token":"","word_delimiter_token":"","cleanup":true}`,
		`{"type":"Sequence","decoders":[{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":true},{"type":"WordPiece","prefix":"##","cleanup":true}]}`,
		`{"type":"Strip","content":"a","start":1,"stop":0}`,
	} {
		t.Run(decoder, func(t *testing.T) {
			data := `{"version":"1.0","added_tokens":[` + strings.Join(added, ",") + `],"decoder":` + decoder + `,"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`
			tk, err := Parse([]byte(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			a := p.get(t, question{Dir: directory(t, map[string]string{tokenizerFile: data}), Texts: texts})
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			compare(t, tk, a)
		})
	}
}

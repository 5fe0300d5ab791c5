package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/onig"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/scan"
)

// patterns are those of chat models' files, and others that try what the matcher takes.
var patterns = []string{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`(?i:[sdmt]|ll|ve|re)`, `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+`,
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+` +
		`[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	// DeepSeek V2 and V3
	"[\r\n]", `\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕℂℇℊ-ℓℕꙀ-ꙭﬀ-ﬆＡ-Ｚａ-ｚ𐐀-𐑏𞤀-𞥃]+`,
	`\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`, `[一-龥ࠀ-一가-퟿]+`, `[一-龥぀-ゟ゠-ヿ]+`,
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
	`[0-9][0-9][0-9]`, ` ?[^(\s|[.,!?…。，、।۔،])]+`, `\d`, `\w+|[^\w\s]+`, `(?:\r?\n)+?x`, `\bthe\b|\B\w`, `^a|b$`, `a.c`, `.+`, `.+?`, `x*?y`,
	`(?>a+)b|a`, `a++b|.`, `(a|ab)(c|bcd)?`, `\p{^L}+`, `\P{L}`, `[\P{N}]`, `[^\S\n]+`, `\x41|\x{1F44D}|\u00e9`, `[-a]+|[a-]`, `(?=[A-Z])\w`, `(?!a)\w+?(?=b|$)`,
	`[\d\-.]+`, `a{2,3}|b{2,}|c{2}`, `(?:ab){2,3}`, `(?:ab)*c`, `\p{Cc}|\p{C}`, `[\p{Zs}\p{Cf}]`, `(?i:key|sk)`,
}

// samePieces compares a pattern and returns whether it is one that this package takes.
func samePieces(t *testing.T, p *peer, pattern string, texts []string) bool {
	t.Helper()
	find, err := onig.Compile(pattern)
	if err != nil {
		return false
	}
	a := p.get(t, question{Pattern: pattern, Texts: texts})
	if a.Error != "" {
		t.Errorf("%s: the crate: %s", pattern, a.Error)
		return true
	}
	finders := []scan.Finder{find}
	if hand, ok := scan.Pattern(pattern); ok {
		finders = append(finders, hand)
	}
	for i, text := range texts {
		for _, find := range finders {
			var got []string
			for _, p := range (cut{find: find}).split(nil, piece{text: text}) {
				got = append(got, p.text)
			}
			if !slices.Equal(got, a.Pieces[i]) {
				t.Errorf("%s of %q\n got %q\nwant %q", pattern, text, got, a.Pieces[i])
				return true
			}
		}
	}
	return true
}

// TestPatterns compares the matcher with the crate's Oniguruma.
func TestPatterns(t *testing.T) {
	p := startPeer(t)
	marks := []string{"the", "'Re", "'ſ", "abab", "ababc", "\r\n", "\n\n x", "123", "ab\n", "aab", "KeY"}
	texts := slices.DeleteFunc(randomTexts(21, 400, marks), func(s string) bool { return s == "" })
	for _, pattern := range patterns {
		if !samePieces(t, p, pattern, texts) {
			_, err := onig.Compile(pattern)
			t.Logf("refused: %v", err)
		}
	}
}

// TestRandomPatterns compares random patterns.
func TestRandomPatterns(t *testing.T) {
	p := startPeer(t)
	r := rand.New(rand.NewPCG(5, 6))
	atoms := []string{"a", "b", "c", "S", "t", " ", "é", "日", `\n`, `\s`, `\S`, `\d`, `\w`, `\p{L}`, `\p{N}`, `\P{Lu}`, ".", "[abc]", "[^a]", `[^\s\p{L}]`, "[a-c日]", `[\p{Lu}S-]`,
		`\b`, `\B`, "^", "$", "~", "_", `[\w-]`, `[^\w]`, `[\r\n]`, `'`, `[^\n]`}
	var expression func(depth int) string
	expression = func(depth int) string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			atom := atoms[r.IntN(len(atoms))]
			if depth > 0 && r.IntN(3) == 0 {
				inner := expression(depth - 1)
				if r.IntN(2) == 0 {
					inner += "|" + expression(depth-1)
				}
				atom = []string{"(?:", "(", "(?i:", "(?=", "(?!", "(?>"}[r.IntN(6)] + inner + ")"
			}
			b.WriteString(atom)
			if r.IntN(3) == 0 {
				b.WriteString([]string{"*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{2,}"}[r.IntN(12)])
			}
		}
		return b.String()
	}
	pool := []rune("aabbccsStT 1é日\n\n\r'ſ-K_²~\u200c")
	var texts []string
	for range 60 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteRune(pool[r.IntN(len(pool))])
		}
		texts = append(texts, b.String())
	}
	taken, n := 0, 3000
	if testing.Short() {
		n = 300
	}
	for range n {
		pattern := expression(2)
		if r.IntN(2) == 0 {
			pattern += "|" + expression(2)
		}
		if samePieces(t, p, pattern, texts) {
			taken++
		}
	}
	t.Logf("%d of %d patterns are taken", taken, n)
	if taken < n/10 {
		t.Error("too few for a test")
	}
}

package tokenizer

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

// A peer is a Python that answers with the crate and with transformers.
type peer struct {
	ask    *json.Encoder
	answer *bufio.Reader
}

type question struct {
	Dir   string   `json:"dir"`
	Auto  bool     `json:"auto"` // AutoTokenizer instead of the crate
	Texts []string `json:"texts"`

	Pattern string `json:"pattern,omitempty"` // of Split, instead of a tokenizer
	Train   int    `json:"train,omitempty"`   // the size of a Unigram to train on the texts
	Show    string `json:"show,omitempty"`    // "normalizer" or "pre_tokenizer": what it makes of the texts
	Time    bool   `json:"time,omitempty"`    // how long the crate takes
}

type answer struct {
	Class string
	Named map[string]string
	Rows  []want
	Error string

	Pieces [][]string // of each text
	File   string     // the tokenizer.json that was trained

	Seconds float64
}

// startPeer starts testdata/peer.py, or skips.
func startPeer(t testing.TB) *peer {
	t.Helper()
	python := tol.Python(t)
	cmd := exec.Command(python, "testdata/peer.py")
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "TOKENIZERS_PARALLELISM=false", "PYTHONIOENCODING=utf-8")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &peer{json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)}
}

func (p *peer) get(t testing.TB, q question) answer {
	t.Helper()
	if err := p.ask.Encode(q); err != nil {
		t.Fatal(err)
	}
	line, err := p.answer.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for i := range a.Rows {
		a.Rows[i].Text = q.Texts[i]
	}
	return a
}

// pools are what patterns, normal forms and vocabularies tell apart.
var pools = []string{
	"abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "sStTmMdDlLrRvVeE'ſ", "0123456789½Ⅷ٣²", " ", " \t\u00a0\u2003\u3000", "\r\n", ".,;!?-_/()[]{}<>|'\"\\#$%&*+:=@^`~",
	"éüßÅ\u01c5ʰªº", "\u0300\u0301\u0323\u0334\u0345\u05b0\u0e38\u3099\u093c", "日本한글각ᄀ\u1161\u11a8", "👍🏽\u200d\u200c🇩", "अक्\u094dक़", "▁", "\x00\x01\x1c\x7f\u0085\u2028\ufeff",
}

// randomText returns a text of a few parts, some of them marks and some of any code points.
func randomText(r *rand.Rand, marks []string) string {
	var b strings.Builder
	for range 1 + r.IntN(16) {
		switch kind := r.IntN(20); {
		case kind < 3 && len(marks) > 0:
			mark := marks[r.IntN(len(marks))]
			if kind == 0 && len(mark) > 1 && r.IntN(4) == 0 {
				mark = strings.ToValidUTF8(mark[:len(mark)-1], "") // almost one
			}
			b.WriteString(mark)
		case kind < 5:
			if c := rune(r.IntN(utf8.MaxRune + 1)); utf8.ValidRune(c) {
				b.WriteRune(c)
			}
		case kind < 7:
			b.WriteRune(rune(r.IntN(0x3400)))
		case kind < 9:
			b.WriteString([]string{"the", " The", " of", "Hello", " world", "don't", "'S", "I'LL", "http://", " return", "\n\n", "1234567", "   "}[r.IntN(13)])
		default:
			pool := []rune(pools[r.IntN(len(pools))])
			for range 1 + r.IntN(6) {
				b.WriteRune(pool[r.IntN(len(pool))])
			}
		}
	}
	return b.String()
}

func randomTexts(seed uint64, n int, marks []string) []string {
	r := rand.New(rand.NewPCG(seed, 7))
	texts := []string{"", " ", "▁", "a", "▁▁a b", "  a  b\n", "Hello world"}
	for len(texts) < n {
		texts = append(texts, randomText(r, marks))
	}
	return texts
}

// marksOf returns the added tokens of a tokenizer.
func marksOf(tk *Tokenizer) []string {
	var marks []string
	for _, token := range tk.added.tokens {
		marks = append(marks, token.Content, " "+token.Content, token.Content+" ")
	}
	slices.Sort(marks)
	return marks
}

// compare compares a tokenizer with an answer, and stops at the fifth text that differs.
func compare(t *testing.T, tk *Tokenizer, a answer) {
	t.Helper()
	failures := 0
	for _, w := range a.Rows {
		if !check(t, tk, w) {
			if failures++; failures == 5 {
				t.Fatal("stopped")
			}
		}
	}
	if a.Class != "" {
		if diff := cmp.Diff(a.Named, tk.SpecialTokens()); diff != "" {
			t.Errorf("SpecialTokens (-transformers +got):\n%s", diff)
		}
	}
}

// realTokenizers are those that may be there, with the type of their model.
var realTokenizers = []struct{ name, model string }{
	{"gpt2", "gpt2"}, {"smollm2", "llama"}, {"smollike", "llama"}, {"qwen2_5", "qwen2"}, {"qwen3", "qwen3"}, {"llama2", "llama"}, {"llama3", "llama"}, {"llama3_2", "llama"},
	{"gemma", "gemma"}, {"gemma2", "gemma2"}, {"gemma3", "gemma3_text"}, {"mistral_nemo", "mistral"}, {"deepseek_v3", "deepseek_v3"}, {"gptoss", "gpt_oss"},
}

// TestRealTokenizers compares whole tokenizers with the crate, and with AutoTokenizer in a directory with the config of a model, on
// random texts.
func TestRealTokenizers(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	for i, c := range realTokenizers {
		t.Run(c.name, func(t *testing.T) {
			p := startPeer(t)
			dir := modelDir(t, c.name)
			crate, err := Parse(file(t, dir, tokenizerFile), nil)
			if err != nil {
				t.Fatal(err)
			}
			texts := randomTexts(uint64(i), n, marksOf(crate))
			t.Run("crate", func(t *testing.T) {
				a := p.get(t, question{Dir: dir, Texts: texts})
				if a.Error != "" {
					t.Fatal(a.Error)
				}
				compare(t, crate, a)
			})
			t.Run("transformers", func(t *testing.T) {
				model := map[string]string{modelFile: `{"model_type":"` + c.model + `"}`}
				for _, name := range []string{tokenizerFile, configFile} {
					if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
						model[name] = string(file(t, dir, name))
					}
				}
				with := directory(t, model)
				a := p.get(t, question{Dir: with, Auto: true, Texts: texts[:len(texts)/4]})
				if a.Error != "" {
					t.Fatal(a.Error)
				}
				compare(t, load(t, with), a)
			})
		})
	}
}

func file(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// directory writes files to a new directory.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

package tokenizer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// corpus returns English text: Newton's Opticks, which comes with Go's source.
func corpus(b *testing.B) string {
	b.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	for _, dir := range []string{"src/testdata", "testdata"} {
		if data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), dir, "Isaac.Newton-Opticks.txt")); err == nil {
			return string(data)
		}
	}
	b.Skip("GOROOT has no Isaac.Newton-Opticks.txt")
	return ""
}

// BenchmarkEncode encodes a book on one core, whole and by paragraphs, with the word cache that earlier runs left.
func BenchmarkEncode(b *testing.B) {
	text := corpus(b)
	for _, name := range []string{"smollm2", "gpt2", "qwen2_5", "llama3", "llama2"} {
		b.Run(name, func(b *testing.B) {
			tk := load(b, modelDir(b, name))
			for _, c := range []struct {
				name  string
				parts []string
			}{{"whole", []string{text}}, {"paragraphs", strings.SplitAfter(text, "\n\n")}} {
				b.Run(c.name, func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					b.ReportAllocs()
					for b.Loop() {
						for _, part := range c.parts {
							tk.Encode(part, false)
						}
					}
				})
			}
		})
	}
}

// BenchmarkBesideCrate encodes a book by paragraphs on one core, and has the crate do it, through Python, before and after: crate-MB/s is
// its speed, ratio how many times as fast this package is.
func BenchmarkBesideCrate(b *testing.B) {
	parts := strings.SplitAfter(corpus(b), "\n\n")
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	for _, c := range realTokenizers {
		b.Run(c.name, func(b *testing.B) {
			p := startPeer(b)
			dir := modelDir(b, c.name)
			tk, err := Parse(file(b, dir, tokenizerFile), nil)
			if err != nil {
				b.Fatal(err)
			}
			ask := question{Dir: dir, Texts: parts, Time: true}
			before := p.get(b, ask).Seconds
			b.SetBytes(int64(size))
			for b.Loop() {
				for _, part := range parts {
					tk.Encode(part, false)
				}
			}
			seconds := min(before, p.get(b, ask).Seconds)
			b.ReportMetric(float64(size)/seconds/1e6, "crate-MB/s")
			b.ReportMetric(seconds/(b.Elapsed().Seconds()/float64(b.N)), "ratio")
		})
	}
}

// BenchmarkEncodeCold encodes without a word cache, so every word is merged.
func BenchmarkEncodeCold(b *testing.B) {
	text := corpus(b)
	tk := load(b, modelDir(b, "smollm2"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tk.encoders = sync.Pool{New: tk.encoders.New}
		tk.Encode(text, false)
	}
}

// BenchmarkEncodeLongWord encodes one word of 100,000 bytes.
func BenchmarkEncodeLongWord(b *testing.B) {
	text := strings.Repeat("abcde", 20000)
	tk := load(b, modelDir(b, "smollm2"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tk.Encode(text, false)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"smollm2", "qwen2_5", "llama3"} {
		b.Run(name, func(b *testing.B) {
			dir := modelDir(b, name)
			for b.Loop() {
				load(b, dir)
			}
		})
	}
}

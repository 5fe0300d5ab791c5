package pairs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/schemas"
)

// BenchmarkRead reads 2,000 chat rows of about 4 KB.
func BenchmarkRead(b *testing.B) {
	answer := strings.Repeat("All work and no play makes \\\"Jack\\\" a dull boy. ", 30)
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, `{"id":%d,"prompt":[{"role":"user","content":"%s"}],"chosen":[{"role":"assistant","content":"%s"}],"rejected":[{"role":"assistant","content":"%s?"}]}`+"\n", i, answer, answer, answer)
	}
	for _, file := range []struct{ name, content string }{{"lines.jsonl", lines.String()}, {"array.json", arrayOf(lines.String())}, {"lines.jsonl.gz", gzipOf(lines.String())}, {"lines.jsonl.zst", zstdOf(lines.String())}} {
		b.Run("file="+file.name, func(b *testing.B) {
			path := write(b, file.name, file.content)
			b.SetBytes(int64(lines.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if got := readFile(path, Options{}); got.Err != nil || len(got.Pairs) != 2000 {
					b.Fatal(len(got.Pairs), got.Err)
				}
			}
		})
	}
	b.Run("file=rows.parquet", func(b *testing.B) {
		text := strings.Repeat("All work and no play makes Jack a dull boy. ", 30)
		rows := make([]chatColumns, 2000)
		for i := range rows {
			say := func(role string) []messageColumns { return []messageColumns{{Role: role, Content: &text}} }
			rows[i] = chatColumns{Prompt: say("user"), Chosen: say("assistant"), Rejected: say("assistant")}
		}
		path := writeParquet(b, 1000, rows...)
		if _, err := os.Stat(path); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(3 * len(text) * len(rows)))
		b.ReportAllocs()
		for b.Loop() {
			if got := readItem(schemas.WorkItem{Path: path, End: -1}, Options{}); got.Err != nil || len(got.Pairs) != 2000 {
				b.Fatal(len(got.Pairs), got.Err)
			}
		}
	})
}

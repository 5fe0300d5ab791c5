package pairs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/steelyard-ml/steelyard/schemas"
)

// line is a row whose prompt is the name.
func line(name string) string { return fmt.Sprintf(`{"prompt":%q,"chosen":"a","rejected":"b"}`, name) }

// places lists what was read as "position name", refused rows as "position !code".
func places(r result) []string {
	var out []string
	for _, p := range r.Pairs {
		out = append(out, fmt.Sprint(p.Source.Pos, " ", p.Prompt))
	}
	for _, q := range r.Bad {
		out = append(out, fmt.Sprint(q.Source.Pos, " !", q.Code))
	}
	return out
}

func TestLinesAndArrays(t *testing.T) {
	a, b := line("A"), line("B") // 42 bytes each
	large := line(strings.Repeat("x", 200))
	tests := []struct {
		name, file, text string
		want             []string
		err              string
	}{
		{"newline at the end", "x.jsonl", a + "\n" + b + "\n", []string{"0 A", "43 B"}, ""},
		{"no newline at the end", "x.jsonl", a + "\n" + b, []string{"0 A", "43 B"}, ""},
		{"carriage returns", "x.jsonl", a + "\r\n" + b + "\r\n", []string{"0 A", "44 B"}, ""},
		{"blank lines", "x.jsonl", "\n \t\r\n" + a + "\n\n" + b + "\n\n", []string{"5 A", "49 B"}, ""},
		{"white space around", "x.jsonl", "  " + a + " \n\t" + b, []string{"0 A", "46 B"}, ""},
		{"byte order mark", "x.jsonl", "\xef\xbb\xbf" + a + "\n" + b, []string{"0 A", "46 B"}, ""},
		{"byte order mark alone", "x.jsonl", "\xef\xbb\xbf", nil, ""},
		{"nothing", "x.jsonl", "", nil, ""},
		{"white space", "x.json", " \n ", nil, ""},
		{"a bad line", "x.jsonl", a + "\n{\n" + b, []string{"0 A", "45 B", "43 !bad_json"}, ""},
		{"a bad first line", "x.jsonl", "oops\n" + b, []string{"5 B", "0 !bad_json"}, ""},
		{"a large line", "x.jsonl", a + "\n" + large + "\n" + b, []string{"0 A", fmt.Sprint(43+len(large)+1, " B"), "43 !row_too_large"}, ""},
		{"a large last line", "x.jsonl", a + "\n" + large, []string{"0 A", "43 !row_too_large"}, ""},
		{"lines in a file of any name", "data.txt", a + "\n" + b, []string{"0 A", "43 B"}, ""},
		{"no data", "data.csv", "prompt,chosen\n", nil, `begins with "p"`},
		{"UTF-16", "x.jsonl", "\xff\xfe{\x00", nil, "UTF-16"},

		{"array", "x.json", "[" + a + "," + b + "]", []string{"0 A", "1 B"}, ""},
		{"array in a line file's name", "x.jsonl", "[" + a + "]", []string{"0 A"}, ""},
		{"array with white space", "x.json", "\xef\xbb\xbf \n[\n " + a + " ,\r\n\t" + b + "\n]\n\n", []string{"0 A", "1 B"}, ""},
		{"array of nothing", "x.json", " [ ] ", nil, ""},
		{"array with brackets in text", "x.json", `[` + line(`}],"\ [{`) + `,` + b + `]`, []string{`0 }],"\ [{`, "1 B"}, ""},
		{"array with bad elements", "x.json", `[1, null, "x,]", {"a" 1}, ` + a + `]`, []string{"4 A", "0 !bad_json", "1 !bad_json", "2 !bad_json", "3 !bad_json"}, ""},
		{"array with a comma too many", "x.json", "[" + a + ",]", []string{"0 A", "1 !bad_json"}, ""},
		{"array with a comma missing", "x.json", "[" + a + " " + b + "," + a + "]", []string{"1 A", "0 !bad_json"}, ""},
		{"array with a large element", "x.json", "[" + a + "," + large + " ," + b + "]", []string{"0 A", "2 B", "1 !row_too_large"}, ""},
		{"array with white space beyond the limit", "x.json", "[" + a + strings.Repeat(" ", 500) + "," + b + "]", []string{"0 A", "1 B"}, ""},
		{"array cut after an element", "x.json", "[" + a + "," + b, []string{"0 A"}, "ends inside the array"},
		{"array cut after a comma", "x.json", "[" + a + ",", []string{"0 A"}, "ends inside the array"},
		{"array cut after its bracket", "x.json", "[", nil, "ends inside the array"},
		{"array cut in text", "x.json", "[" + a + `,{"a":"`, []string{"0 A"}, "in row 1"},
		{"array with a wrong bracket", "x.json", "[" + a + `,{"a":[1}},` + b + "]", []string{"0 A"}, "byte 51, row 1: the bracket '}'"},
		{"two arrays", "x.json", "[" + a + "]\n[" + b + "]", []string{"0 A"}, "after the end of the array"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.text)
			got := readFile(path, Options{MaxRowBytes: 150})
			if diff := cmp.Diff(test.want, places(got)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if test.err == "" && got.Err != nil {
				t.Errorf("Read: %v", got.Err)
			}
			if test.err != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), test.err) || !strings.Contains(got.Err.Error(), path)) {
				t.Errorf("Read: got error %v, want one with %q and the path", got.Err, test.err)
			}
		})
	}
}

// messy is a text file with everything that moves positions: blank lines, carriage returns, bad and large rows.
func messy(rng *rand.Rand) string {
	var b strings.Builder
	for i := range 40 {
		switch rng.IntN(8) {
		case 0:
			b.WriteString("\n \r\n")
		case 1:
			b.WriteString("{bad\n")
		case 2:
			b.WriteString(line(strings.Repeat("é", 100)) + "\n")
		default:
			b.WriteString(line(fmt.Sprint("row ", i)) + []string{"\n", "\r\n"}[rng.IntN(2)])
		}
	}
	return b.String()
}

// arrayOf turns lines into an array.
func arrayOf(lines string) string {
	var rows []string
	for l := range strings.Lines(lines) {
		if l = strings.TrimSpace(l); l != "" && l != "{bad" {
			rows = append(rows, l)
		}
	}
	return "[" + strings.Join(rows, " ,\n") + "]"
}

func gzipOf(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts { // one member each
		w := gzip.NewWriter(&b)
		io.WriteString(w, p)
		w.Close()
	}
	return b.String()
}

func zstdOf(parts ...string) string {
	var b bytes.Buffer
	for _, p := range parts { // one frame each
		w, _ := zstd.NewWriter(&b)
		io.WriteString(w, p)
		w.Close()
	}
	return b.String()
}

// TestRanges reads files in ranges that are cut anywhere, and wants what reading them at once gives.
func TestRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	o := Options{MaxRowBytes: 150}
	for _, kind := range []struct {
		name string
		make func(text string) (string, int64) // the file's content, and where its positions end
	}{
		{"x.jsonl", func(s string) (string, int64) { return s, int64(len(s)) }},
		{"x.jsonl.gz", func(s string) (string, int64) { return gzipOf(s[:50], s[50:]), int64(len(s)) }},
		{"x.jsonl.zst", func(s string) (string, int64) { return zstdOf(s[:50], s[50:]), int64(len(s)) }},
		{"x.json", func(s string) (string, int64) { return arrayOf(s), 40 }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for range 20 {
				content, end := kind.make(messy(rng))
				path := write(t, kind.name, content)
				want := readFile(path, o)
				if want.Err != nil || len(want.Pairs) < 10 {
					t.Fatalf("Read: %d pairs, %v", len(want.Pairs), want.Err)
				}
				var got result
				for begin := int64(0); begin < end; {
					stop := min(end, begin+1+rng.Int64N(end/5))
					r := readItem(schemas.WorkItem{Path: path, Begin: begin, End: stop}, o)
					if r.Err != nil {
						t.Fatalf("Read [%d, %d): %v", begin, stop, r.Err)
					}
					got.Pairs, got.Bad = append(got.Pairs, r.Pairs...), append(got.Bad, r.Bad...)
					begin = stop
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("in ranges (-whole +ranges):\n%s", diff)
				}
			}
		})
	}
}

// TestEveryCut cuts a small file at each byte into two ranges.
func TestEveryCut(t *testing.T) {
	text := "\xef\xbb\xbf" + line("A") + "\r\n\n" + line("B") + "\n{\n" + line("C")
	path := write(t, "x.jsonl", text)
	want := places(readFile(path, Options{}))
	for cut := range int64(len(text) + 1) {
		first := readItem(schemas.WorkItem{Path: path, End: cut}, Options{})
		second := readItem(schemas.WorkItem{Path: path, Begin: cut, End: -1}, Options{})
		got := places(result{Pairs: append(first.Pairs, second.Pairs...), Bad: append(first.Bad, second.Bad...)})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cut at %d (-whole +ranges):\n%s", cut, diff)
		}
	}
}

func TestCompressed(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var long strings.Builder // compresses badly, so that it can be cut in the middle
	const all = 8000
	for i := range all {
		long.WriteString(line(fmt.Sprintf("%d %x", i, rng.Uint64())) + "\n")
	}
	gz, zst := gzipOf(long.String()), zstdOf(long.String())
	tests := []struct {
		name, file, content string
		rows                int // at least; -1 all
		err                 string
	}{
		{"gzip", "x.jsonl.gz", gz, -1, ""},
		{"zstd", "x.jsonl.zst", zst, -1, ""},
		{"gzip under another name", "x.json", gz, -1, ""},
		{"zstd under another name", "x", zst, -1, ""},
		{"gzip in members", "x.jsonl.gz", gzipOf(long.String()[:1000], "", long.String()[1000:]), -1, ""},
		{"zstd in frames, with one to skip", "x.jsonl.zst", zstdOf(long.String()[:1000]) + "\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstdOf(long.String()[1000:]), -1, ""},
		{"gzip of nothing", "x.jsonl.gz", gzipOf(""), 0, ""},
		{"gzip cut", "x.jsonl.gz", gz[:len(gz)*3/4], all / 2, "gzip stream is cut off"},
		{"gzip cut in its sum", "x.jsonl.gz", gz[:len(gz)-3], all - 1, "gzip stream is cut off"},
		{"gzip cut in its header", "x.jsonl.gz", gz[:5], 0, "gzip stream is cut off"},
		{"gzip with a wrong sum", "x.jsonl.gz", gz[:len(gz)-8] + "\x00\x00\x00\x00" + gz[len(gz)-4:], all - 1, "gzip stream is damaged"},
		{"gzip with more behind", "x.jsonl.gz", gz + "more", all - 1, "gzip stream is"},
		{"zstd cut", "x.jsonl.zst", zst[:len(zst)-10], all / 4, "zstd stream is"},
		{"no gzip", "x.jsonl.gz", line("A"), 0, "its name says gzip"},
		{"no zstd", "x.jsonl.zst", "", 0, "its name says zstd"},
		{"Parquet in gzip", "x.parquet.gz", gzipOf("PAR1...PAR1"), 0, "Parquet file inside gzip"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			got := readFile(path, Options{})
			if test.err == "" && got.Err != nil || test.err != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), test.err) || !strings.Contains(got.Err.Error(), path)) {
				t.Fatalf("Read: got error %v, want one with %q and the path", got.Err, test.err)
			}
			if test.rows < 0 && len(got.Pairs) != all || len(got.Pairs) < test.rows || len(got.Bad) > 0 {
				t.Errorf("Read: %d pairs, %d refused, want at least %d and 0 (-1: all)", len(got.Pairs), len(got.Bad), test.rows)
			}
		})
	}
}

// TestLargeRowIsNotHeld reads a row of 16 MiB between two others with a limit of 256 KiB and looks at what was allocated.
func TestLargeRowIsNotHeld(t *testing.T) {
	const size = 16 << 20
	for _, kind := range []struct{ name, open, sep, close string }{{"x.jsonl", "", "\n", ""}, {"x.json", "[", ",", "]"}} {
		t.Run(kind.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), kind.name)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(f, kind.open, line("A"), kind.sep, `{"prompt":"`)
			chunk := strings.Repeat("xyzé", 1<<14)
			for n := 0; n < size; n += len(chunk) {
				fmt.Fprint(f, chunk)
			}
			fmt.Fprint(f, `"}`, kind.sep, line("B"), kind.close)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := readFile(path, Options{MaxRowBytes: 256 << 10})
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			if got.Err != nil || len(got.Pairs) != 2 || len(got.Bad) != 1 || got.Bad[0].Code != schemas.CodeRowTooLarge {
				t.Fatalf("Read: %v, %q", got.Err, places(got))
			}
			if raw := got.Bad[0].Raw; len(raw) > schemas.RawLimit || len(raw) < schemas.RawLimit-3 || strings.Contains(raw, "\uFFFD") {
				t.Errorf("raw has %d bytes and must end with a character at most %d", len(raw), schemas.RawLimit)
			}
			if allocated > 4<<20 {
				t.Errorf("reading allocated %d bytes, more than the limit of a row explains", allocated)
			}
		})
	}
}

func TestClip(t *testing.T) {
	const limit = schemas.RawLimit
	for _, test := range []struct {
		name, in string
		want     int // bytes
	}{
		{"short", "abc", 3},
		{"just fits", strings.Repeat("x", limit), limit},
		{"one too many", strings.Repeat("x", limit+1), limit},
		{"inside a character", strings.Repeat("x", limit-1) + "é", limit - 1},
		{"inside an emoji", strings.Repeat("x", limit-3) + "😀", limit - 3},
		{"invalid bytes grow", strings.Repeat("a\xff", limit/2), limit},
		{"continuation bytes only", strings.Repeat("\x80", limit+10), 3}, // one replacement for the run
	} {
		t.Run(test.name, func(t *testing.T) {
			got := clip(test.in)
			if len(got) != test.want || strings.ToValidUTF8(got, "") != got {
				t.Errorf("clip of %d bytes: got %d bytes, want %d of valid UTF-8", len(test.in), len(got), test.want)
			}
		})
	}
}

func TestReadStops(t *testing.T) {
	path := write(t, "x.jsonl", line("A")+"\n{\n"+line("B")+"\n")
	stop := errors.New("stop")
	item := schemas.WorkItem{Path: path, End: -1}
	ok := func(schemas.Pair) error { return nil }
	fine := func(schemas.Quarantined) error { return nil }
	if err := Read(t.Context(), item, Options{}, func(schemas.Pair) error { return stop }, fine); !errors.Is(err, stop) {
		t.Errorf("Read with a failing pair: got %v, want %v", err, stop)
	}
	if err := Read(t.Context(), item, Options{}, ok, func(schemas.Quarantined) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Read with a failing bad: got %v, want %v", err, stop)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Read(ctx, item, Options{}, func(schemas.Pair) error { n++; cancel(); return nil }, fine)
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("Read cancelled: got %v after %d pairs, want %v after 1", err, n, context.Canceled)
	}
	if err := Read(t.Context(), item, Options{Format: "csv"}, ok, fine); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("Read with a wrong format: got %v", err)
	}
	if err := Read(t.Context(), schemas.WorkItem{Path: filepath.Dir(path), End: -1}, Options{}, ok, fine); err == nil {
		t.Error("Read of a directory: got no error")
	}
	if err := Read(t.Context(), schemas.WorkItem{Path: path + "x", End: -1}, Options{}, ok, fine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read of no file: got %v", err)
	}
}

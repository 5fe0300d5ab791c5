package pairs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/schemas"
)

// writeParquet writes rows with perGroup rows a row group.
func writeParquet[T any](t testing.TB, perGroup int, rows ...T) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(int64(perGroup)), parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(200))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "x.parquet", b.String())
}

type textColumns struct {
	Prompt   string `parquet:"prompt"`
	Chosen   string `parquet:"chosen"`
	Rejected string `parquet:"rejected"`
}

// parquetFile writes plain-text rows with these prompts.
func parquetFile(t testing.TB, perGroup int, prompts ...string) string {
	t.Helper()
	var rows []textColumns
	for _, p := range prompts {
		rows = append(rows, textColumns{p, "a", "b"})
	}
	return writeParquet(t, perGroup, rows...)
}

type messageColumns struct {
	Role    string  `parquet:"role"`
	Content *string `parquet:"content"`
	Calls   *string `parquet:"tool_calls"`
}

type chatColumns struct {
	Prompt   []messageColumns `parquet:"prompt,list"`
	Chosen   []messageColumns `parquet:"chosen,list,optional"`
	Rejected []messageColumns `parquet:"rejected,list,optional"`
	Score    *float64         `parquet:"score"`
	Tags     []string         `parquet:"tags"`
}

func TestParquetMessages(t *testing.T) {
	say := func(role, content string) messageColumns { return messageColumns{Role: role, Content: &content} }
	score := 0.1
	rows := []chatColumns{
		{Prompt: []messageColumns{say("system", ""), say("user", "Hi")}, Chosen: []messageColumns{say("assistant", "A")}, Rejected: []messageColumns{say("assistant", "B")}, Score: &score},
		{Prompt: []messageColumns{say("user", "x")}, Chosen: nil, Rejected: []messageColumns{say("assistant", "B")}},
		{Prompt: []messageColumns{}, Chosen: []messageColumns{say("assistant", "A")}, Rejected: []messageColumns{say("assistant", "B")}},
		{Prompt: []messageColumns{say("user", "\xff")}, Chosen: []messageColumns{say("assistant", "A")}, Rejected: []messageColumns{say("assistant", "B")}},
		{Prompt: []messageColumns{{Role: "user"}}, Chosen: []messageColumns{say("assistant", "A")}, Rejected: []messageColumns{say("assistant", "B")}},
		{Prompt: []messageColumns{say("user", "last")}, Chosen: []messageColumns{say("assistant", "A"), say("user", "?")}, Rejected: []messageColumns{say("assistant", "B")}},
	}
	path := writeParquet(t, 4, rows...)
	got := readFile(path, Options{})
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	wantPairs := []schemas.Pair{
		with(chatOf(`[{"role":"system","content":""},{"role":"user","content":"Hi"}]`, answerA, answerB), func(p *schemas.Pair) {
			p.Meta = `{"score":0.1,"tags":[]}`
			p.Raw = `{"prompt":[{"role":"system","content":""},{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"A"}],"rejected":[{"role":"assistant","content":"B"}],"score":0.1,"tags":[]}`
		}),
		with(chatOf(`[{"role":"user","content":"last"}]`, `[{"role":"assistant","content":"A"},{"role":"user","content":"?"}]`, answerB), func(p *schemas.Pair) {
			p.Source.Pos = 5
			p.Meta = `{"score":null,"tags":[]}`
			p.Raw = `{"prompt":[{"role":"user","content":"last"}],"chosen":[{"role":"assistant","content":"A"},{"role":"user","content":"?"}],"rejected":[{"role":"assistant","content":"B"}],"score":null,"tags":[]}`
		}),
	}
	if diff := cmp.Diff(wantPairs, got.Pairs); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 !missing_field", "2 !empty_prompt", "3 !bad_utf8", "4 !bad_field"}, places(result{Bad: got.Bad})); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

// kinds has a column of each kind that may stand beside a pair.
type kinds struct {
	Prompt    string              `parquet:"prompt"`
	ChosenIDs []int32             `parquet:"chosen_ids"`
	Bool      bool                `parquet:"bool"`
	I32       int32               `parquet:"i32"`
	I64       int64               `parquet:"i64"`
	U32       uint32              `parquet:"u32"`
	U64       uint64              `parquet:"u64"`
	F32       float32             `parquet:"f32"`
	F64       float64             `parquet:"f64"`
	Bytes     []byte              `parquet:"bytes"`
	Date      int32               `parquet:"date,date"`
	Millis    int64               `parquet:"millis,timestamp(millisecond)"`
	Nanos     int64               `parquet:"nanos,timestamp(nanosecond)"`
	Dec32     int32               `parquet:"dec32,decimal(2:9)"`
	Dec64     int64               `parquet:"dec64,decimal(3:18)"`
	UUID      [16]byte            `parquet:"uuid,uuid"`
	Map       map[string]int64    `parquet:"map"`
	Maps      []map[string]string `parquet:"maps,list"`
	Nested    [][]int32           `parquet:"nested,list" parquet-element:",list"`
	Old       deprecated.Int96    `parquet:"old"`
	Chosen    string              `parquet:"chosen"`
	Rejected  string              `parquet:"rejected"`
}

func TestParquetKinds(t *testing.T) {
	when := time.Date(2026, 11, 23, 18, 0, 0, 123e6, time.UTC)
	row := kinds{
		Prompt: "p", Chosen: "a", Rejected: "b", ChosenIDs: []int32{1, 2}, Bool: true, I32: -1 << 31, I64: -1 << 63, U32: 1<<32 - 1, U64: 1<<64 - 1, F32: 0.1, F64: 1e300,
		Bytes: []byte{0xff, 0}, Date: -1, Millis: when.UnixMilli(), Nanos: when.UnixNano() + 1, Dec32: -5, Dec64: 123456, UUID: [16]byte{0xab, 15: 1},
		Map: map[string]int64{"k": 1}, Maps: []map[string]string{{}, {"x": "y"}}, Nested: [][]int32{{1}, {}, {2, 3}}, Old: deprecated.Int96{1, 0, 2440589},
	}
	got := readFile(writeParquet(t, 10, row), Options{})
	if got.Err != nil || len(got.Pairs) != 1 {
		t.Fatalf("Read: %v %v", got.Err, got.Bad)
	}
	want := `{"bool":true,"bytes":"/wA=","chosen_ids":[1,2],"date":"1969-12-31","dec32":-0.05,"dec64":123.456,"f32":0.1,"f64":1e+300,"i32":-2147483648,"i64":-9223372036854775808,` +
		`"map":{"k":1},"maps":[{},{"x":"y"}],"millis":"2026-11-23T18:00:00.123Z","nanos":"2026-11-23T18:00:00.123000001Z","nested":[[1],[],[2,3]],"old":"1970-01-02T00:00:00.000000001Z",` +
		`"u32":4294967295,"u64":18446744073709551615,"uuid":"ab000000000000000000000000000001"}`
	if diff := cmp.Diff(want, got.Pairs[0].Meta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if _, err := parse(got.Pairs[0].Raw); err != nil {
		t.Errorf("raw row is no JSON: %v", err)
	}
	// Bytes that are no text never become a prompt.
	got = readFile(writeParquet(t, 10, row), Options{Columns: map[string]string{"prompt": "bytes"}})
	if len(got.Bad) != 1 || got.Bad[0].Code != schemas.CodeBadField || !strings.Contains(got.Bad[0].Reason, "bytes (our prompt) is binary data") {
		t.Errorf("bytes as prompt: got %+v", got)
	}
}

// TestParquetRanges reads any range of rows, across row groups.
func TestParquetRanges(t *testing.T) {
	var prompts []string
	for i := range 50 {
		prompts = append(prompts, fmt.Sprintf("%d %s", i, strings.Repeat("é", i%7)))
	}
	for _, perGroup := range []int{1, 7, 16, 50} {
		path := parquetFile(t, perGroup, prompts...)
		for begin := range int64(len(prompts) + 2) {
			for _, size := range []int64{0, 1, 17, 100} {
				got := readItem(schemas.WorkItem{Path: path, Begin: begin, End: begin + size}, Options{})
				want := max(0, min(int64(len(prompts)), begin+size)-begin)
				if got.Err != nil || int64(len(got.Pairs)) != want {
					t.Fatalf("rows [%d, %d) in groups of %d: %d pairs, %v; want %d", begin, begin+size, perGroup, len(got.Pairs), got.Err, want)
				}
				for i, p := range got.Pairs {
					if p.Source.Pos != begin+int64(i) || p.Prompt != prompts[p.Source.Pos] {
						t.Fatalf("rows [%d, %d) in groups of %d: pair %d is %q at %d", begin, begin+size, perGroup, i, p.Prompt, p.Source.Pos)
					}
				}
			}
		}
	}
}

// TestGroupEnds wants small row groups together and large ones cut.
func TestGroupEnds(t *testing.T) {
	const quarter = rangeBytes / 4
	group := func(rows, bytes int64) format.RowGroup { return format.RowGroup{NumRows: rows, TotalByteSize: bytes} }
	for _, test := range []struct {
		name   string
		groups []format.RowGroup
		want   []int64
	}{
		{"none", nil, []int64{0}},
		{"one", []format.RowGroup{group(5, 10)}, []int64{5}},
		{"small ones", []format.RowGroup{group(1, quarter), group(2, quarter), group(3, quarter), group(4, quarter), group(5, quarter)}, []int64{10, 15}},
		{"one of a range each", []format.RowGroup{group(10, rangeBytes), group(10, rangeBytes-1)}, []int64{10, 20}},
		{"less than two ranges", []format.RowGroup{group(10, 2*rangeBytes-1)}, []int64{10}},
		{"large", []format.RowGroup{group(10, 4*rangeBytes)}, []int64{2, 5, 7, 10}},
		{"large between small", []format.RowGroup{group(3, 1), group(10, 2*rangeBytes), group(1, 1)}, []int64{3, 8, 13, 14}},
		{"few large rows", []format.RowGroup{group(1, 3*rangeBytes)}, []int64{0, 0, 1}}, // empty ranges make no items
	} {
		if diff := cmp.Diff(test.want, groupEnds(test.groups)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestParquetDamaged flips bytes and cuts the file: rows or an error, never a panic.
func TestParquetDamaged(t *testing.T) {
	whole, err := os.ReadFile(parquetFile(t, 3, "a", "b", "c", "d", "e"))
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for i := 0; i < len(whole); i += 3 {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x55
		for _, content := range [][]byte{damaged, whole[:i]} {
			if got := readFile(write(t, "x.parquet", string(content)), Options{}); got.Err != nil {
				failed++
			}
		}
	}
	if failed < len(whole)/3 { // every cut must be seen
		t.Errorf("only %d of about %d damaged files gave an error", failed, 2*len(whole)/3)
	}
}

// pyarrowScript writes the layouts that Hugging Face datasets have, as pyarrow writes them: list<struct<role, content>>, nulls,
// large_string, dictionaries, lists of ids.
const pyarrowScript = `
import sys, datetime, decimal, pyarrow as pa, pyarrow.parquet as pq
msg = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string()), ("tool_calls", pa.list_(pa.struct([("name", pa.string())])))]))
m = lambda role, content, calls=None: {"role": role, "content": content, "tool_calls": calls}
n = 40
t = pa.table({
  "prompt": pa.array(["Hi %d" % i for i in range(n)], pa.large_string()),
  "prompt_id": pa.array(["id"] * n).dictionary_encode(),
  "chosen": pa.array([[m("user", "Hi %d" % i), m("assistant", None if i % 2 else "A", [{"name": "f"}] if i % 2 else None)] for i in range(n)], msg),
  "rejected": pa.array([[m("user", "Hi %d" % i), m("assistant", "B")] for i in range(n)], msg),
  "score": pa.array([None if i == 0 else i / 8 for i in range(n)], pa.float32()),
  "ids": pa.array([list(range(i % 3)) if i % 4 else None for i in range(n)], pa.list_(pa.int64())),
  "when": pa.array([datetime.datetime(2026, 1, 1, 0, 0, i) for i in range(n)], pa.timestamp("us")),
  "price": pa.array([decimal.Decimal("-1.50")] * n, pa.decimal128(10, 2)),
  "pairs": pa.array([[("k", i)] for i in range(n)], pa.map_(pa.string(), pa.int32())),
})
for name, kw in {"default": {}, "groups": {"row_group_size": 7}, "v1": {"version": "1.0", "use_dictionary": False, "compression": "gzip"}, "brotli": {"compression": "brotli", "data_page_version": "2.0"}, "old": {"use_compliant_nested_type": False, "store_schema": False}}.items():
  pq.write_table(t, sys.argv[1] + "/" + name + ".parquet", **kw)
`

func TestPyarrow(t *testing.T) {
	python := tol.Python(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "-c", pyarrowScript, dir).CombinedOutput(); err != nil {
		t.Fatalf("pyarrow: %v\n%s", err, out)
	}
	paths, err := filepath.Glob(dir + "/*.parquet")
	if err != nil || len(paths) != 5 {
		t.Fatalf("pyarrow wrote %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := readFile(path, Options{})
			if got.Err != nil || len(got.Bad) > 0 || len(got.Pairs) != 40 {
				t.Fatalf("Read: %d pairs, refused %+v, %v", len(got.Pairs), got.Bad, got.Err)
			}
			for i, p := range got.Pairs {
				chosen, score, ids := `{"content":"A","role":"assistant"}`, fmt.Sprint(float64(i)/8), "null"
				if i%2 == 1 {
					chosen = `{"role":"assistant","tool_calls":[{"name":"f"}],"content":null}`
				}
				if i == 0 {
					score = "null"
				}
				if i%4 > 0 {
					ids = []string{"[]", "[0]", "[0,1]"}[i%3]
				}
				want := chatOf(fmt.Sprintf(`[{"content":"Hi %d","role":"user"}]`, i), "["+chosen+"]", `[{"content":"B","role":"assistant"}]`)
				want.Source.Pos, want.Raw = int64(i), p.Raw
				want.Meta = fmt.Sprintf(`{"ids":%s,"pairs":{"k":%d},"price":-1.50,"prompt":"Hi %d","prompt_id":"id","score":%s,"when":"2026-01-01T00:00:%02dZ"}`, ids, i, i, score, i)
				if diff := cmp.Diff(want, p); diff != "" {
					t.Fatalf("row %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

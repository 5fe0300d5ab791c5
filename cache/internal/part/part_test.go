package part

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

var (
	ctx         = context.Background()
	fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:aa"}, {Name: schemas.ItemNumerics, Digest: "fma16/2"}}
)

// The ids were computed with Python's hashlib and struct; the first is the test vector of docs/format.md.
func TestKeyOf(t *testing.T) {
	long := make([]int32, 2000)
	for i := range long {
		long[i] = int32(i)
	}
	for _, c := range []struct {
		prompt, chosen, rejected []int32
		want                     string
	}{
		{[]int32{1, 2, 3}, []int32{4, 5}, []int32{6}, "645d81b0cf264006b33e5b64301d3d08"},
		{nil, nil, nil, "15ec7bf0b50732b49f8228e07d243653"},
		{[]int32{1}, []int32{2}, []int32{3}, "d7fbbfbade754159595084bb686292fe"},
		{[]int32{1, 2}, nil, []int32{3}, "5c4d9a3d2326393545a6e25217995c9a"},
		{long, long[:1023], long[:1024], "cd6ee08da768f3d5dcfa1c96236b771e"},
		{[]int32{-1, math.MaxInt32}, []int32{0}, []int32{49152}, "99d212bd2f207705bca5a2a17c9bd9ef"},
	} {
		k := KeyOf(c.prompt, c.chosen, c.rejected)
		if got := k.String(); got != c.want {
			t.Errorf("ids of %d, %d, %d tokens: got %s, want %s", len(c.prompt), len(c.chosen), len(c.rejected), got, c.want)
		}
		if back, err := ParseKey(c.want); err != nil || back != k {
			t.Errorf("ParseKey(%s) = %v, %v", c.want, back, err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := "645d81b0cf264006b33e5b64301d3d08"
	for _, bad := range []string{"", good[:31], good + "0", strings.ToUpper(good), "g" + good[1:], good[:31] + " "} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) was accepted", bad)
		}
	}
}

// row returns a sound row of so many tokens a side.
func row(n int, seed int32) Value {
	var v Value
	for i := range int32(n) {
		v.PromptIDs = append(v.PromptIDs, seed)
		v.ChosenIDs = append(v.ChosenIDs, seed+i)
		v.RejectedIDs = append(v.RejectedIDs, i)
		x := -float32(i+seed) / 3
		v.RefChosenTokenLogps = append(v.RefChosenTokenLogps, x)
		v.RefChosenLogps += float64(x)
		v.RefRejectedTokenLogps = append(v.RefRejectedTokenLogps, x/7)
		v.RefRejectedLogps += float64(x / 7)
	}
	v.ChosenTokens, v.RejectedTokens = int32(n), int32(n)
	v.PairID = KeyOf(v.PromptIDs, v.ChosenIDs, v.RejectedIDs).String()
	return v
}

func TestCheck(t *testing.T) {
	inf := float32(math.Inf(-1))
	for _, c := range []struct {
		name string
		do   func(*Value)
		want string // of the error; "" for none
	}{
		{"sound", func(v *Value) {}, ""},
		{"sound without token values", func(v *Value) { v.RefChosenTokenLogps, v.RefRejectedTokenLogps = nil, nil }, ""},
		{"no prompt", func(v *Value) { v.PromptIDs = nil }, "0 prompt"},
		{"no rejected", func(v *Value) { v.RejectedIDs = nil }, "0 rejected"},
		{"another token", func(v *Value) { v.ChosenIDs[1]++ }, "its tokens have the id"},
		{"a token on the other side", func(v *Value) { v.PromptIDs, v.ChosenIDs = append(v.PromptIDs, v.ChosenIDs[0]), v.ChosenIDs[1:] }, "its tokens have the id"},
		{"count", func(v *Value) { v.RejectedTokens++ }, "counts 5 chosen and 6 rejected"},
		{"sum off by one bit", func(v *Value) { v.RefChosenLogps = math.Nextafter(v.RefChosenLogps, 0) }, "ref_chosen_logps is"},
		{"sum of no values", func(v *Value) { v.RefRejectedTokenLogps, v.RefRejectedLogps = nil, math.NaN() }, "ref_rejected_logps is NaN"},
		{"value", func(v *Value) { v.RefRejectedTokenLogps[2] = inf }, "ref_rejected_token_logps[2] is -Inf"},
		{"number of values", func(v *Value) { v.RefChosenTokenLogps = v.RefChosenTokenLogps[:4] }, "4 ref_chosen_token_logps"},
	} {
		v := row(5, 1)
		c.do(&v)
		err := v.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}

// The columns are those of docs/format.md, by name, order and type, as the file's own schema states them.
func TestColumns(t *testing.T) {
	lists := `	required group prompt_ids (LIST) {
		repeated group list {
			required int32 element (INT(32,true));
		}
	}
	required group chosen_ids (LIST) {
		repeated group list {
			required int32 element (INT(32,true));
		}
	}
	required group rejected_ids (LIST) {
		repeated group list {
			required int32 element (INT(32,true));
		}
	}
	required double ref_chosen_logps;
	required double ref_rejected_logps;
`
	tokens := `	required group ref_chosen_token_logps (LIST) {
		repeated group list {
			required float element;
		}
	}
	required group ref_rejected_token_logps (LIST) {
		repeated group list {
			required float element;
		}
	}
`
	scalars := `	required int32 chosen_tokens (INT(32,true));
	required int32 rejected_tokens (INT(32,true));
	required boolean chosen_truncated;
	required boolean rejected_truncated;
}`
	head := "message value {\n	required binary pair_id (STRING);\n"
	view := `message view_row {
	required binary pair_id (STRING);
	required int32 source_file (INT(32,true));
	required int64 source_pos (INT(64,true));
	required binary meta (STRING);
}`
	for _, c := range []struct {
		schema *parquet.Schema
		want   string
	}{{valueSchema, head + lists + tokens + scalars}, {sumsSchema, head + lists + scalars}, {viewSchema, view}} {
		if diff := cmp.Diff(c.want, c.schema.String()); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}
}

func local(t testing.TB, dir string) storage.Store {
	t.Helper()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// write writes a part of the rows and returns how a manifest names it.
func write(t rapid.TB, st storage.Store, name string, rows []Value, b Bounds, c Columns) schemas.Part {
	w, err := CreateValues(ctx, st, name+".parquet", name+".keys", Footer{"r1", fingerprint}, b, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rows {
		k, err := ParseKey(v.PairID)
		if err != nil {
			t.Fatal(err)
		}
		if !w.Has(k) {
			if err := w.Write(k, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := w.Rows()
	ref, keys, err := w.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ref.Path, keys.Path = name+".parquet", name+".keys"
	return schemas.Part{FileRef: ref, Run: "r1", Rows: n, Keys: keys}
}

func readAll(t rapid.TB, st storage.Store, p schemas.Part) []Value {
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []Value
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			t.Fatal(err)
		}
		if group, first := r.Group(int64(len(out))); group != g || first != int64(len(out)) {
			t.Errorf("row %d lies in group %d from %d, want %d", len(out), group, first, g)
		}
		out = append(out, rows...)
	}
	return out
}

// What is written is read, every bit of it, however it is cut into groups; keys are those of the rows, in order; a part is the same bytes
// for the same rows.
func TestValuesRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		st, err := storage.Local(filepath.Join(dir, string(rune('a'+n%26))+string(rune('a'+n/26))))
		n++
		if err != nil {
			t.Fatal(err)
		}
		seeds := rapid.SliceOfNDistinct(rapid.Int32Range(1, 1000), 1, 40, rapid.ID).Draw(t, "seeds")
		var rows []Value
		for _, s := range seeds {
			rows = append(rows, row(rapid.IntRange(1, 30).Draw(t, "tokens"), s))
		}
		b := Bounds{rapid.IntRange(1, 50).Draw(t, "rows"), rapid.IntRange(1, 4000).Draw(t, "bytes")}
		columns := rapid.SampledFrom([]Columns{SumsOnly, WithTokenLogps}).Draw(t, "columns")
		p := write(t, st, "x", rows, b, columns)
		again := write(t, st, "y", rows, b, columns)
		if p.SHA256 != again.SHA256 || p.Keys.SHA256 != again.Keys.SHA256 {
			t.Error("the same rows made other bytes")
		}
		if columns == SumsOnly {
			for i := range rows {
				rows[i].RefChosenTokenLogps, rows[i].RefRejectedTokenLogps = nil, nil
			}
		}
		if diff := cmp.Diff(rows, readAll(t, st, p), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		var keys []Key
		if err := Keys(ctx, st, p.Keys, func(k Key) error { keys = append(keys, k); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(keys) != len(rows) {
			t.Errorf("%d keys of %d rows", len(keys), len(rows))
		}
		r, err := OpenValues(ctx, st, p, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		err = r.IDs(ctx, func(i int64, k Key) error {
			if k.String() != rows[i].PairID {
				t.Errorf("IDs: row %d is %s, want %s", i, k, rows[i].PairID)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Groups hold at most so many rows and bytes; a row that is larger alone stands alone; the file has a page index and zstd pages.
func TestRowGroupBounds(t *testing.T) {
	st := local(t, t.TempDir())
	sizes := func(p schemas.Part) (rows []int64) {
		r, err := OpenValues(ctx, st, p, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, g := range r.file.RowGroups() {
			rows = append(rows, g.NumRows())
			for _, c := range g.ColumnChunks() {
				if _, err := c.OffsetIndex(); err != nil {
					t.Errorf("page index: %v", err)
				}
			}
		}
		for _, g := range r.file.Metadata().RowGroups {
			for _, c := range g.Columns {
				if got := c.MetaData.Codec.String(); got != "ZSTD" {
					t.Errorf("column %v is compressed with %s", c.MetaData.PathInSchema, got)
				}
			}
		}
		return rows
	}
	var small []Value
	for i := range int32(1025) {
		small = append(small, row(1, i))
	}
	one := small[0]
	big := row(100_000, 7) // 2,000,058 bytes
	huge := row(450_000, 8)
	for _, c := range []struct {
		name string
		rows []Value
		b    Bounds
		want []int64
	}{
		{"rows", small, Bounds{1024, 8 << 20}, []int64{1024, 1}},
		{"the maximum of rows", small, Bounds{1 << 20, 1 << 30}, []int64{1024, 1}},
		{"fewer rows", small[:5], Bounds{2, 8 << 20}, []int64{2, 2, 1}},
		{"exact bytes", small[:4], Bounds{1024, 2 * one.Bytes()}, []int64{2, 2}},
		{"a byte less", small[:4], Bounds{1024, 2*one.Bytes() - 1}, []int64{1, 1, 1, 1}},
		{"the maximum of bytes", []Value{big, row(100_000, 1), row(100_000, 2), row(100_000, 3), row(100_000, 4)}, Bounds{1024, 1 << 30}, []int64{4, 1}},
		{"a huge row alone", []Value{one, huge, small[1]}, Bounds{1024, 8 << 20}, []int64{1, 1, 1}},
	} {
		if got := sizes(write(t, st, c.name, c.rows, c.b, WithTokenLogps)); !cmp.Equal(got, c.want) {
			t.Errorf("%s: groups of %v rows, want %v", c.name, got, c.want)
		}
	}
}

// parquet-go reads what is missing as zero; Open must not let it come to that.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	st := local(t, dir)
	rows := []Value{row(3, 1), row(4, 2)}
	good := write(t, st, "good", rows, Bounds{1, 1 << 20}, WithTokenLogps)
	footer := Footer{"r1", fingerprint}

	// other writes a file of other columns with a footer of ours.
	type noSum struct {
		PairID string `parquet:"pair_id"`
	}
	type wideIDs struct {
		Value
		PromptIDs []int64 `parquet:"prompt_ids,list"`
	}
	for _, c := range []struct {
		name string
		part func() schemas.Part
		fp   schemas.Fingerprint
		want string
	}{
		{"missing file", func() schemas.Part { p := good; p.Path = "none"; return p }, fingerprint, "no such object"},
		{"size", func() schemas.Part { p := good; p.Bytes--; return p }, fingerprint, "the manifest says"},
		{"rows", func() schemas.Part { p := good; p.Rows++; return p }, fingerprint, "it has 2 rows, the manifest says 3"},
		{"run", func() schemas.Part { p := good; p.Run = "r2"; return p }, fingerprint, `names the run "r1"`},
		{"fingerprint", func() schemas.Part { return good }, schemas.Fingerprint{fingerprint[0], {Name: "numerics", Digest: "generic/1"}}, `its numerics is "fma16/2"`},
		{"view", func() schemas.Part { return writeOther[ViewRow](t, st, footer, "view_row", 2) }, fingerprint, `are "view_row", not "value"`},
		{"missing columns", func() schemas.Part { return writeOther[noSum](t, st, footer, "value", 2) }, fingerprint, "columns are not those"},
		{"other type", func() schemas.Part { return writeOther[wideIDs](t, st, footer, "value", 2) }, fingerprint, "columns are not those"},
		{"no footer of ours", func() schemas.Part { return writePlain(t, st) }, fingerprint, "not written by steelyard"},
		{"newer", func() schemas.Part { return writePlain(t, st, parquet.KeyValueMetadata(metaMinReader, "99")) }, fingerprint, "needs version 99"},
		{"too many rows a group", func() schemas.Part { return writeOther[Value](t, st, footer, "value", 1025) }, fingerprint, "row group of 1025 rows"},
	} {
		_, err := OpenValues(ctx, st, c.part(), c.fp)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
	if _, err := OpenValues(ctx, st, writePlain(t, st, parquet.KeyValueMetadata(metaMinReader, "99")), fingerprint); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer part: got %v, want ErrVersion", err)
	}
}

var others = 0

// writeOther writes n zero rows of T past the checks of Writer.
func writeOther[T any](t *testing.T, st storage.Store, f Footer, kind string, n int) schemas.Part {
	options, err := f.metadata(kind)
	if err != nil {
		t.Fatal(err)
	}
	return writeRows(t, st, make([]T, n), options...)
}

func writePlain(t *testing.T, st storage.Store, options ...parquet.WriterOption) schemas.Part {
	return writeRows(t, st, make([]Value, 2), options...)
}

func writeRows[T any](t *testing.T, st storage.Store, rows []T, options ...parquet.WriterOption) schemas.Part {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	others++
	name := "other-" + string(rune('a'+others)) + ".parquet"
	if err := os.WriteFile(st.URL(name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return schemas.Part{FileRef: schemas.FileRef{Path: name, Bytes: int64(b.Len())}, Run: "r1", Rows: int64(len(rows))}
}

func readDamaged(st storage.Store, p schemas.Part) (out []Value, err error) {
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if err := rows[i].Check(); err != nil {
				return nil, err
			}
		}
		out = append(out, rows...)
	}
	return out, nil
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	st := local(t, dir)
	p := write(t, st, "x", []Value{row(30, 1)}, Bounds{8, 8 << 20}, WithTokenLogps)
	for _, keep := range []int64{0, 1, 4, p.Bytes / 2, p.Bytes - 1} {
		if err := os.Truncate(st.URL(p.Path), keep); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenValues(ctx, st, p, fingerprint); err == nil || !strings.Contains(err.Error(), "it was cut or changed") {
			t.Errorf("%d of %d bytes: got error %v", keep, p.Bytes, err)
		}
		cut := p
		cut.Bytes = keep // as a manifest would say that was written after the cut
		if _, err := OpenValues(ctx, st, cut, fingerprint); err == nil {
			t.Errorf("%d of %d bytes were opened", keep, p.Bytes)
		}
	}
}

func TestKeysRefuses(t *testing.T) {
	dir := t.TempDir()
	st := local(t, dir)
	key := func(b ...byte) string { return string(append(b, make([]byte, 16-len(b))...)) }
	for _, c := range []struct {
		name, content string
		size          int64
		want          string
	}{
		{"ascending", key(1) + key(1, 1) + key(2), 48, ""},
		{"empty", "", 0, ""},
		{"cut", key(1) + key(2)[:15], 32, "has 31 bytes"},
		{"ragged", key(1) + "x", 17, "has 17 bytes"},
		{"descending", key(2) + key(1), 32, "key 1 does not come after"},
		{"twice", key(2) + key(2), 32, "key 1 does not come after"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "k"), []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := Keys(ctx, st, schemas.FileRef{Path: "k", Bytes: c.size}, func(Key) error { return nil })
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	st := local(b, b.TempDir())
	var rows []Value
	size := 0
	for i := range int32(1024) {
		rows = append(rows, row(300, i*37))
		size += rows[i].Bytes()
	}
	p := write(b, st, "x", rows, Bounds{1024, 8 << 20}, WithTokenLogps)
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.Run("group", func(b *testing.B) {
		b.SetBytes(int64(size))
		for b.Loop() {
			if _, err := r.Read(ctx, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("row", func(b *testing.B) {
		b.ReportAllocs()
		i := int64(0)
		for b.Loop() {
			if _, _, err := r.Row(ctx, i); err != nil {
				b.Fatal(err)
			}
			i = (i + 619) % MaxGroupRows
		}
	})
	b.Run("check", func(b *testing.B) {
		b.SetBytes(int64(rows[0].Bytes()))
		for b.Loop() {
			if err := rows[0].Check(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(size))
		for b.Loop() {
			write(b, local(b, b.TempDir()), "y", rows, Bounds{1024, 8 << 20}, WithTokenLogps)
		}
	})
}

// BenchmarkOpen opens a part of 64 row groups, as 65,536 rows fill, and says what one holds in memory while it is open.
func BenchmarkOpen(b *testing.B) {
	st := local(b, b.TempDir())
	var rows []Value
	for i := range int32(64 * MaxGroupRows) {
		rows = append(rows, row(1, i))
	}
	p := write(b, st, "x", rows, Bounds{MaxGroupRows, MaxGroupBytes}, WithTokenLogps)
	rows = nil
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	var open []*Reader[Value]
	before := heap()
	for b.Loop() {
		r, err := OpenValues(ctx, st, p, fingerprint)
		if err != nil {
			b.Fatal(err)
		}
		if len(open) < 64 {
			open = append(open, r)
		} else {
			r.Close()
		}
	}
	b.ReportMetric((heap()-before)/float64(len(open)), "heap-B/part")
	for _, r := range open {
		r.Close()
	}
}

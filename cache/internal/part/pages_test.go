package part

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// dictValue is a Value whose ids are dictionary-encoded, as other programs may write them.
type dictValue struct {
	PairID                string    `parquet:"pair_id"`
	PromptIDs             []int32   `parquet:"prompt_ids,list" parquet-element:",dict"`
	ChosenIDs             []int32   `parquet:"chosen_ids,list" parquet-element:",dict"`
	RejectedIDs           []int32   `parquet:"rejected_ids,list" parquet-element:",dict"`
	RefChosenLogps        float64   `parquet:"ref_chosen_logps,dict"`
	RefRejectedLogps      float64   `parquet:"ref_rejected_logps"`
	RefChosenTokenLogps   []float32 `parquet:"ref_chosen_token_logps,list" parquet-element:",split"`
	RefRejectedTokenLogps []float32 `parquet:"ref_rejected_token_logps,list"`
	ChosenTokens          int32     `parquet:"chosen_tokens,delta"`
	RejectedTokens        int32     `parquet:"rejected_tokens"`
	ChosenTruncated       bool      `parquet:"chosen_truncated"`
	RejectedTruncated     bool      `parquet:"rejected_truncated"`
}

// A layout is how a part is cut and encoded.
type layout struct {
	columns Columns
	foreign bool // as another program may write it: dictionaries, other encodings
	v1      bool // with foreign: data pages of version 1
	bounds  Bounds
	page    int // bytes
}

// writeLayout writes rows with a page size of one's own.
func writeLayout(t rapid.TB, st storage.Store, name string, rows []Value, l layout) schemas.Part {
	switch {
	case l.foreign:
		options, err := Footer{"r1", fingerprint}.metadata("value")
		if err != nil {
			t.Fatal(err)
		}
		version := 2
		if l.v1 {
			version = 1
		}
		options = append(options, parquet.NewSchema("value", parquet.SchemaOf(dictValue{})), parquet.Compression(&zstd.Codec{}),
			parquet.PageBufferSize(l.page), parquet.DataPageVersion(version))
		return writeAll(t, st, name, rows, func(v Value) dictValue { return dictValue(v) }, l.bounds, func(dst *bytes.Buffer) *parquet.GenericWriter[dictValue] {
			return parquet.NewGenericWriter[dictValue](dst, options...)
		})
	case l.columns == WithTokenLogps:
		return writeOurs(t, st, name, rows, valueSchema, func(v Value) Value { return v }, l)
	default:
		return writeOurs(t, st, name, rows, sumsSchema, func(v Value) sums { return v.sums() }, l)
	}
}

func writeOurs[T any](t rapid.TB, st storage.Store, name string, rows []Value, schema *parquet.Schema, of func(Value) T, l layout) schemas.Part {
	w, err := create[T](ctx, st, name, Footer{"r1", fingerprint}, schema, l.bounds, l.page)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rows {
		if err := w.Write(of(v), v.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	ref, n, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	ref.Path = name
	return schemas.Part{FileRef: ref, Run: "r1", Rows: n}
}

func writeAll[T any](t rapid.TB, st storage.Store, name string, rows []Value, of func(Value) T, b Bounds, open func(*bytes.Buffer) *parquet.GenericWriter[T]) schemas.Part {
	var dst bytes.Buffer
	w := open(&dst)
	for i, v := range rows {
		if i > 0 && i%min(b.Rows, MaxGroupRows) == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Write([]T{of(v)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(st.URL(name), dst.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return schemas.Part{FileRef: schemas.FileRef{Path: name, Bytes: int64(dst.Len())}, Run: "r1", Rows: int64(len(rows))}
}

// A row that is read alone is, to the bit, the row of its group and what was written, however groups, pages and encodings are.
func TestRowIsTheRowOfItsGroup(t *testing.T) {
	dir := t.TempDir()
	n, alone := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		st, err := storage.Local(filepath.Join(dir, fmt.Sprint(n)))
		if err == nil {
			err = os.MkdirAll(st.URL(""), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		var rows []Value
		for _, s := range rapid.SliceOfNDistinct(rapid.Int32Range(1, 1000), 1, 60, rapid.ID).Draw(t, "seeds") {
			v := row(rapid.IntRange(1, 80).Draw(t, "tokens"), s)
			v.ChosenTruncated, v.RejectedTruncated = rapid.Bool().Draw(t, "chosen cut"), rapid.Bool().Draw(t, "rejected cut")
			if rapid.IntRange(0, 9).Draw(t, "empty") == 0 { // a damaged row must not move its neighbours
				v.RejectedIDs, v.RefRejectedTokenLogps = nil, nil
			}
			rows = append(rows, v)
		}
		l := layout{
			columns: rapid.SampledFrom([]Columns{SumsOnly, WithTokenLogps}).Draw(t, "columns"),
			foreign: rapid.Bool().Draw(t, "foreign"),
			v1:      rapid.Bool().Draw(t, "v1"),
			bounds:  Bounds{rapid.IntRange(1, 60).Draw(t, "rows"), rapid.IntRange(1, 20_000).Draw(t, "bytes")},
			page:    rapid.IntRange(1, 4000).Draw(t, "page"),
		}
		p := writeLayout(t, st, "x", rows, l)
		want := slices.Clone(rows)
		if l.columns == SumsOnly && !l.foreign {
			for i := range want {
				want[i].RefChosenTokenLogps, want[i].RefRejectedTokenLogps = nil, nil
			}
		}
		if diff := cmp.Diff(want, readAll(t, st, p), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("groups: want -, got +:\n%s", diff)
		}
		r, err := OpenValues(ctx, st, p, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i := range want {
			v, share, err := r.Row(ctx, int64(i))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want[i], v, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("row %d: want -, got +:\n%s", i, diff)
			}
			if share <= 0 || share > 1 {
				t.Errorf("row %d took the share %v of its group", i, share)
			}
			if share < 0.5 {
				alone++
			}
		}
	})
	if alone == 0 && !testing.Short() { // which draws too few layouts to be sure of one
		t.Error("no row was read with less than half of its group")
	}
}

// A row of a full group is read with little of it: pages are cut small, and there is no dictionary to decode with each.
func TestRowReadsLittle(t *testing.T) {
	st := local(t, t.TempDir())
	var rows []Value
	for i := range int32(MaxGroupRows) {
		rows = append(rows, row(300, i*37))
	}
	p := write(t, st, "x", rows, Bounds{MaxGroupRows, MaxGroupBytes}, WithTokenLogps)
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, i := range []int64{0, 511, MaxGroupRows - 1} {
		v, share, err := r.Row(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if v.PairID != rows[i].PairID || share > 0.1 {
			t.Errorf("row %d is %s and took %.3f of its group, want %s and 0.1 at most", i, v.PairID, share, rows[i].PairID)
		}
	}
	want := int64(0)
	for i := range rows {
		want += int64(rows[i].Bytes()) - 58 + rowBytes
	}
	if got := r.Size(0); got != want {
		t.Errorf("the group has the size %d, want %d", got, want)
	}
}

// What page index and footer say of a column is refused where one contradicts the other, or a page contradicts both.
func TestPagesRefuse(t *testing.T) {
	st := local(t, t.TempDir())
	var rows []Value
	for i := range int32(40) {
		rows = append(rows, row(20, i))
	}
	p := writeLayout(t, st, "x", rows, layout{columns: WithTokenLogps, bounds: Bounds{40, MaxGroupBytes}, page: 500})
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const id, prompt, sum = 0, 1, 4 // columns
	for _, c := range []struct {
		name   string
		column int
		do     func(*chunk)
		says   string
	}{
		{"sound", prompt, func(c *chunk) {}, ""},
		{"another codec", prompt, func(c *chunk) { c.meta.Codec = format.Lz4Raw }, "compressed with LZ4_RAW"},
		{"no codec", sum, func(c *chunk) { c.meta.Codec = format.Uncompressed }, "compressed"},
		{"no pages", prompt, func(c *chunk) { c.pages = nil }, "ends at byte"},
		{"a page less", prompt, func(c *chunk) { c.pages = c.pages[:len(c.pages)-1] }, "ends at byte"},
		{"another page", prompt, func(c *chunk) { c.pages[1] = c.pages[2] }, "has page 1 at byte"},
		{"a page of another size", prompt, func(c *chunk) { c.pages[1].CompressedPageSize++ }, "has page 2 at byte"},
		{"two sizes that make up for each other", prompt, func(c *chunk) {
			c.pages[1].CompressedPageSize++
			c.pages[2].Offset++
			c.pages[2].CompressedPageSize--
		}, "page 1: its header says"},
		{"not from the first row", prompt, func(c *chunk) { c.pages[0].FirstRowIndex = 1 }, "has page 0 at byte"},
		{"a page without rows", prompt, func(c *chunk) { c.pages[2].FirstRowIndex = c.pages[1].FirstRowIndex }, "has page 2 at byte"},
		{"a row past the group", prompt, func(c *chunk) { c.pages[len(c.pages)-1].FirstRowIndex = 40 }, "with row 40"},
		{"another row, of a list", prompt, func(c *chunk) { c.pages[1].FirstRowIndex++ }, "rows, the page index says"},
		{"another row, of a scalar", id, func(c *chunk) { c.pages[1].FirstRowIndex++ }, "values and 0 nulls, for"},
		{"another begin", prompt, func(c *chunk) { c.meta.DataPageOffset++ }, "has page 0 at byte"},
		{"a dictionary that is not there", prompt, func(c *chunk) { c.meta.DictionaryPageOffset = 4 }, "ends at byte"},
		{"another end", prompt, func(c *chunk) { c.meta.TotalCompressedSize-- }, "ends at byte"},
		{"more values than the footer says", prompt, func(c *chunk) { c.meta.NumValues = 3 }, "its header says that it is a DATA_PAGE_V2 of"},
		{"another number of values", prompt, func(c *chunk) { c.meta.NumValues++ }, "values, its footer says"},
		{"more bytes than the footer says", prompt, func(c *chunk) { c.meta.TotalUncompressedSize = 3 }, "its header says that it has"},
	} {
		chunks, err := r.chunks(0, 0, 40)
		if err != nil {
			t.Fatal(err)
		}
		ch := chunks[c.column]
		meta := *ch.meta
		ch.meta = &meta
		c.do(&ch)
		if err = ch.check(); err == nil {
			err = ch.eachPage(func(parquet.Page) error { return nil })
		}
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.says)
		}
	}
}

// A page is compared with its checksum, and its header with its bytes and rows.
func TestCheckPage(t *testing.T) {
	body := []byte("the bytes of a page")
	sum := int32(crc32.ChecksumIEEE(body))
	size := int32(len(body))
	data := func(values, nulls int32, compressed bool) thrift.Null[format.DataPageHeaderV2] {
		return thrift.New(format.DataPageHeaderV2{NumValues: values, NumNulls: nulls, NumRows: 3, IsCompressed: thrift.New(compressed)})
	}
	v2 := func(size, full, sum int32, h thrift.Null[format.DataPageHeaderV2]) format.PageHeader {
		return format.PageHeader{Type: format.DataPageV2, CompressedPageSize: size, UncompressedPageSize: full, CRC: sum, DataPageHeaderV2: h}
	}
	for _, c := range []struct {
		name string
		h    format.PageHeader
		list bool
		rows int64
		ok   bool
	}{
		{"scalar", v2(size, 50, sum, data(3, 0, true)), false, 3, true},
		{"list", v2(size, 50, sum, data(9, 1, true)), true, 3, true},
		{"not compressed", v2(size, size, sum, data(3, 0, false)), false, 3, true},
		{"version 1", format.PageHeader{Type: format.DataPage, CompressedPageSize: size, CRC: sum, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 3})}, false, 3, true},
		{"dictionary", format.PageHeader{Type: format.DictionaryPage, CompressedPageSize: size, CRC: sum, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: 3})}, true, 0, true},

		{"checksum", v2(size, 50, sum^1, data(3, 0, true)), false, 3, false},
		{"no checksum", v2(size, 50, 0, data(3, 0, true)), false, 3, false},
		{"size", v2(size-1, 50, sum, data(3, 0, true)), false, 3, false},
		{"more bytes than the column", v2(size, 101, sum, data(3, 0, true)), false, 3, false},
		{"not compressed, of another size", v2(size, 50, sum, data(3, 0, false)), false, 3, false},
		{"scalar of other rows", v2(size, 50, sum, data(4, 0, true)), false, 3, false},
		{"scalar with a null", v2(size, 50, sum, data(3, 1, true)), false, 3, false},
		{"list of fewer values than rows", v2(size, 50, sum, data(2, 0, true)), true, 3, false},
		{"more values than the column", v2(size, 50, sum, data(11, 0, true)), true, 3, false},
		{"another kind", format.PageHeader{Type: format.IndexPage, CompressedPageSize: size, CRC: sum}, false, 3, false},
		{"data where a dictionary is due", v2(size, 50, sum, data(3, 0, true)), true, 0, false},
	} {
		h, err := thrift.Marshal(new(thrift.CompactProtocol), &c.h)
		if err != nil {
			t.Fatal(err)
		}
		ch := chunk{list: c.list, rows: 6, meta: &format.ColumnMetaData{Codec: format.Zstd, NumValues: 10, TotalUncompressedSize: 100}}
		if err := ch.checkPage(append(h, body...), c.rows); (err == nil) != c.ok {
			t.Errorf("%s: got error %v", c.name, err)
		}
	}
}

// No flip of a bit is read as other values or brings the program down, by groups or by rows: it is an error, or it hit what rows do not
// depend on. Sums without token values have nothing but this to protect them.
func TestFlippedBitsAreSeen(t *testing.T) {
	st := local(t, t.TempDir())
	var rows []Value
	for i := range int32(24) {
		v := row(3+int(i)%9, i)
		v.ChosenTruncated = i%3 == 0
		rows = append(rows, v)
	}
	bounds, page := Bounds{12, 8 << 20}, 200
	for name, l := range map[string]layout{
		"token values":       {columns: WithTokenLogps, bounds: bounds, page: page},
		"sums only":          {columns: SumsOnly, bounds: bounds, page: page},
		"other encodings":    {foreign: true, bounds: bounds, page: page},
		"pages of version 1": {foreign: true, v1: true, bounds: bounds, page: page},
	} {
		p := writeLayout(t, st, name, rows, l)
		whole, err := os.ReadFile(st.URL(p.Path))
		if err != nil {
			t.Fatal(err)
		}
		want, err := readDamaged(st, p)
		if err != nil {
			t.Fatal(err)
		}
		flips, seen := 0, 0
		for at := 0; at < len(whole); at += 53 {
			b := bytes.Clone(whole)
			b[at] ^= 1 << (flips % 8)
			flips++
			if err := os.WriteFile(st.URL(p.Path), b, 0o644); err != nil {
				t.Fatal(err)
			}
			for way, read := range map[string]func(storage.Store, schemas.Part) ([]Value, error){"groups": readDamaged, "rows": readRowsDamaged} {
				if got, err := read(st, p); err != nil {
					seen++
				} else if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: byte %d is %08b for %08b: read by %s without an error as\n%s", name, at, b[at], whole[at], way, diff)
				}
			}
		}
		if flips < 100 || seen < flips { // of two ways
			t.Errorf("%s: %d of %d flips were seen", name, seen, 2*flips)
		}
	}
}

func readRowsDamaged(st storage.Store, p schemas.Part) (out []Value, err error) {
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for i := range p.Rows {
		v, _, err := r.Row(ctx, i)
		if err != nil {
			return nil, err
		}
		if err := v.Check(); err != nil {
			return nil, err
		}
		out = append(out, *v)
	}
	return out, nil
}

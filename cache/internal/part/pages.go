package part

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxIndexBytes bounds the page index of a row group, so that a damaged footer can't ask for all memory. A group has at most 1,024 rows, so
// a column has at most as many pages, of some ten bytes each.
const maxIndexBytes = 1 << 20

// A chunk is the rows from..to of a column of a row group, and the pages of the column. The page index says which pages hold the rows; it
// and the footer carry no checksum, so whatever one says is compared with what the other says, and with the pages.
type chunk struct {
	src      io.ReaderAt
	name     string
	list     bool
	column   *parquet.FileColumnChunk
	meta     *format.ColumnMetaData
	pages    []format.PageLocation
	rows     int64 // of the group
	from, to int64
}

// chunks returns the columns of a row group.
func (r *Reader[T]) chunks(group int, from, to int64) ([]chunk, error) {
	g := r.file.RowGroups()[group]
	columns := r.file.Metadata().RowGroups[group].Columns
	index, at, err := readIndex(r.src, columns)
	if err != nil {
		return nil, err
	}
	paths := r.file.Schema().Columns()
	out := make([]chunk, len(columns))
	for i, column := range g.ColumnChunks() {
		m := &columns[i]
		var pages format.OffsetIndex
		b := index[m.OffsetIndexOffset-at:][:m.OffsetIndexLength]
		if err := thrift.Unmarshal(&thrift.CompactProtocol{}, b, &pages); err != nil {
			return nil, fmt.Errorf("column %s: its page index cannot be read: %w", paths[i][0], err)
		}
		out[i] = chunk{r.src, paths[i][0], len(paths[i]) > 1, column.(*parquet.FileColumnChunk), &m.MetaData, pages.PageLocations, g.NumRows(), from, to}
		if err := out[i].check(); err != nil {
			return nil, fmt.Errorf("column %s: %w", paths[i][0], err)
		}
	}
	return out, nil
}

// readIndex reads the page index of a row group in one piece, for writers put the columns' one after the other, and says where it begins.
func readIndex(src io.ReaderAt, columns []format.ColumnChunk) (b []byte, at int64, err error) {
	at, end := columns[0].OffsetIndexOffset, int64(0)
	for _, c := range columns {
		if c.OffsetIndexOffset < 1 || c.OffsetIndexLength < 1 {
			return nil, 0, errors.New("it has no page index, which docs/format.md asks for")
		}
		at, end = min(at, c.OffsetIndexOffset), max(end, c.OffsetIndexOffset+int64(c.OffsetIndexLength))
	}
	if end-at > maxIndexBytes {
		return nil, 0, fmt.Errorf("its page index has %d bytes, more than %d", end-at, maxIndexBytes)
	}
	b = make([]byte, end-at)
	if n, err := src.ReadAt(b, at); n < len(b) {
		return nil, 0, fmt.Errorf("its page index cannot be read: %w", err)
	}
	return b, at, nil
}

// begin returns where the chunk begins in the file: at its dictionary, if it has one.
func (c *chunk) begin() int64 {
	if d := c.meta.DictionaryPageOffset; d != 0 {
		return d
	}
	return c.meta.DataPageOffset
}

// check reports whether the pages follow each other, in the file and in rows, from the chunk's begin to its end as the footer has them.
func (c *chunk) check() error {
	if c.meta.Codec != format.Zstd && c.meta.Codec != format.Uncompressed { // codecs that the decoder may take all memory for
		return fmt.Errorf("its footer says that it is compressed with %v, not with zstd", c.meta.Codec)
	}
	at, row := c.meta.DataPageOffset, int64(-1)
	for i, p := range c.pages {
		if p.Offset != at || p.CompressedPageSize < 1 || p.FirstRowIndex <= row || i == 0 && p.FirstRowIndex > 0 {
			return fmt.Errorf("its page index has page %d at byte %d and row %d, after byte %d and row %d", i, p.Offset, p.FirstRowIndex, at, row)
		}
		at, row = at+int64(p.CompressedPageSize), p.FirstRowIndex
	}
	if end := c.begin() + c.meta.TotalCompressedSize; at != end || row < 0 || row >= c.rows {
		return fmt.Errorf("its page index ends at byte %d with row %d, its footer says byte %d and %d rows", at, row, end, c.rows)
	}
	return nil
}

// first returns the number of the first row of page i, or of rows where there is no such page.
func (c *chunk) first(i int) int64 {
	if i < len(c.pages) {
		return c.pages[i].FirstRowIndex
	}
	return c.rows
}

// whole reports whether from..to are all rows of the group.
func (c *chunk) whole() bool { return c.to-c.from == c.rows }

// span returns the numbers of the first and the last page that hold rows of from..to.
func (c *chunk) span() (first, last int) {
	first = sort.Search(len(c.pages), func(i int) bool { return c.pages[i].FirstRowIndex > c.from }) - 1
	last = sort.Search(len(c.pages), func(i int) bool { return c.pages[i].FirstRowIndex >= c.to }) - 1
	return first, last
}

// eachPage calls do for the rows from..to, page by page.
func (c *chunk) eachPage(do func(parquet.Page) error) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if err := c.load(buf); err != nil {
		return err
	}
	in := c.column.PagesFrom(excerpt{*buf, c.begin()})
	defer in.Close()
	values := int64(0)
	for i, last := c.span(); i <= last; i++ {
		page, err := in.ReadPage()
		if err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
		rows := c.first(i+1) - c.first(i)
		if page.NumRows() != rows {
			parquet.Release(page)
			return fmt.Errorf("page %d has %d rows, the page index says %d", i, page.NumRows(), rows)
		}
		values += page.NumValues()
		if from, to := max(c.from-c.first(i), 0), min(c.to-c.first(i), rows); from > 0 || to < rows {
			whole := page
			page = whole.Slice(from, to)
			parquet.Release(whole)
		}
		err = do(page)
		parquet.Release(page)
		if err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
	}
	if c.whole() && values != c.meta.NumValues {
		return fmt.Errorf("its pages have %d values, its footer says %d", values, c.meta.NumValues)
	}
	return nil
}

// buffers are for the bytes of pages, *[]byte.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// An excerpt is a column chunk of which only the dictionary and some pages are there, as if they followed each other: what reads it from
// its begin reads no other pages.
type excerpt struct {
	b     []byte
	begin int64 // of the chunk in the file
}

func (e excerpt) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, e.b[min(off-e.begin, int64(len(e.b))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// size is how many bytes the dictionary and the pages that hold the rows have.
func (c *chunk) size() int64 {
	first, last := c.span()
	return c.meta.DataPageOffset - c.begin() + c.pages[last].Offset + int64(c.pages[last].CompressedPageSize) - c.pages[first].Offset
}

// load reads the dictionary and the pages that hold the rows, and checks each.
func (c *chunk) load(buf *[]byte) error {
	size := int(c.size())
	b := slices.Grow((*buf)[:0], size)[:size]
	*buf = b
	i, last := c.span()
	dict := c.meta.DataPageOffset - c.begin()
	for _, piece := range []struct {
		b  []byte
		at int64
	}{{b[:dict], c.begin()}, {b[dict:], c.pages[i].Offset}} {
		if n, err := c.src.ReadAt(piece.b, piece.at); n < len(piece.b) {
			return err
		}
	}
	if dict > 0 {
		if err := c.checkPage(b[:dict], 0); err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
		b = b[dict:]
	}
	for ; i <= last; i++ {
		n := c.pages[i].CompressedPageSize
		if err := c.checkPage(b[:n], c.first(i+1)-c.first(i)); err != nil {
			return fmt.Errorf("page %d: %w", i, err)
		}
		b = b[n:]
	}
	return nil
}

// checkPage compares a page, header and all, with its checksum and its header with what footer and page index say. rows is 0 for a
// dictionary. The checksum is not of the header, and the decoder takes memory for as many values as a header says.
func (c *chunk) checkPage(b []byte, rows int64) error {
	var h format.PageHeader
	in := new(thrift.CompactProtocol).NewReaderFromBytes(b)
	if err := thrift.NewDecoder(in).Decode(&h); err != nil {
		return fmt.Errorf("its header cannot be read: %w", err)
	}
	b = b[in.BytesRead():]
	if sum := crc32.ChecksumIEEE(b); int(h.CompressedPageSize) != len(b) || uint32(h.CRC) != sum {
		return fmt.Errorf("its header says %d bytes of checksum %08x, they are %d of %08x", h.CompressedPageSize, uint32(h.CRC), len(b), sum)
	}
	values, nulls, packed := int64(-1), int32(0), c.meta.Codec != format.Uncompressed
	switch {
	case rows == 0 && h.Type == format.DictionaryPage:
		values = int64(h.DictionaryPageHeader.V.NumValues)
	case rows > 0 && h.Type == format.DataPage:
		values = int64(h.DataPageHeader.V.NumValues)
	case rows > 0 && h.Type == format.DataPageV2:
		v2 := &h.DataPageHeaderV2.V
		values, nulls, packed = int64(v2.NumValues), v2.NumNulls, packed && (!v2.IsCompressed.Valid || v2.IsCompressed.V)
	}
	if values < rows || values > c.meta.NumValues || rows > 0 && !c.list && (values != rows || nulls != 0) {
		return fmt.Errorf("its header says that it is a %v of %d values and %d nulls, for %d rows", h.Type, values, nulls, rows)
	}
	if n := int64(h.UncompressedPageSize); n > c.meta.TotalUncompressedSize || !packed && n != int64(len(b)) {
		return fmt.Errorf("its header says that it has %d bytes, compressed %d", n, len(b))
	}
	return nil
}

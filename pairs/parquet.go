package pairs

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/steelyard-ml/steelyard/internal/parquetfile"
	"github.com/steelyard-ml/steelyard/schemas"
)

// errDamaged is what a Parquet file is whose columns contradict each other.
var errDamaged = errors.New("the Parquet file is damaged: its columns have different numbers of rows; fetch or write it again")

// recovered turns a panic of the Parquet library, which damaged files can cause, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the Parquet file is damaged; fetch or write it again: %v", p)
	}
}

// openParquet reads the footer.
func (f *file) openParquet() (pf *parquet.File, err error) {
	defer recovered(&err)
	return parquetfile.Open(f.File, f.size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<18))
}

// groupEnds returns the row numbers at which ranges of about rangeBytes end: at row groups, and inside those that are much larger.
func groupEnds(groups []format.RowGroup) []int64 {
	var ends []int64
	var rows, bytes int64 // bytes since the last end
	for _, g := range groups {
		if rows > 0 && bytes+g.TotalByteSize > rangeBytes {
			ends, bytes = append(ends, rows), 0
		}
		for i, n := int64(1), g.TotalByteSize/rangeBytes; i < n; i++ {
			ends = append(ends, rows+g.NumRows*i/n)
		}
		rows += g.NumRows
		bytes += g.TotalByteSize
	}
	return append(ends, rows)
}

// rowBatch is how many Parquet rows are decoded at once.
const rowBatch = 16

// parquetReader reads a range of rows of a Parquet file as values.
type parquetReader struct {
	groups []parquet.RowGroup // not yet read to their end
	fields []*node
	leaves [][]parquet.Value // the values of one row, by leaf column
	limit  int

	pos, end int64        // of the next row in the file, and where the range ends
	skip     int64        // rows of groups[0] before the range
	rows     parquet.Rows // of groups[0], nil before the first
	batch    [rowBatch]parquet.Row
	decoded  []parquet.Row // what is left of batch
}

// newParquet reads the rows with numbers in [begin, end); end < 0 means all the rest.
func newParquet(f *file, begin, end int64, o Options) (r *parquetReader, c io.Closer, err error) {
	defer recovered(&err)
	pf, err := f.openParquet()
	if err != nil {
		return nil, nil, err
	}
	p := &parquetReader{groups: pf.RowGroups(), pos: begin, end: end, skip: begin, limit: o.MaxRowBytes}
	if p.end < 0 || p.end > pf.NumRows() {
		p.end = pf.NumRows()
	}
	leaves := 0
	for _, column := range pf.Root().Columns() {
		p.fields = append(p.fields, compile(column, &leaves))
	}
	p.leaves = make([][]parquet.Value, leaves)
	for len(p.groups) > 0 && p.skip >= p.groups[0].NumRows() {
		p.skip -= p.groups[0].NumRows()
		p.groups = p.groups[1:]
	}
	return p, p, nil
}

func (p *parquetReader) Close() error {
	if p.rows == nil {
		return nil
	}
	return p.rows.Close()
}

func (p *parquetReader) next() (r row, err error) {
	defer recovered(&err)
	if p.pos >= p.end {
		return row{}, io.EOF
	}
	for len(p.decoded) == 0 {
		if err := p.decode(); err != nil {
			return row{}, err
		}
	}
	clear(p.leaves)
	p.decoded[0].Range(func(leaf int, values []parquet.Value) bool {
		p.leaves[leaf] = values
		return true
	})
	p.decoded = p.decoded[1:]
	v := value{kind: jsonObject}
	for _, n := range p.fields {
		field, err := n.read(p.leaves)
		if err != nil {
			return row{}, fmt.Errorf("row %d: %w", p.pos, err)
		}
		v.members = append(v.members, member{n.name, field})
	}
	p.pos++
	return valueRow(p.pos-1, v, p.limit), nil
}

// valueRow is a row that was read as a value and never was text.
func valueRow(pos int64, v value, limit int) row {
	text := v.compact()
	r := row{pos: pos, raw: clip(text), value: v}
	if len(text) > limit {
		r.fault = tooLarge(int64(len(text)), limit)
	} else if at := invalidUTF8(text); at >= 0 {
		r.fault = refuse(schemas.CodeBadUTF8, "a text of the row is not valid UTF-8 (byte 0x%02x); write the column again from decoded text", text[at])
	}
	return r
}

// decode fills p.decoded with the next rows of the group at hand, or goes to the next group.
func (p *parquetReader) decode() error {
	if len(p.groups) == 0 {
		return errDamaged // the footer promised more rows
	}
	if p.rows == nil {
		p.rows = p.groups[0].Rows()
		if err := p.rows.SeekToRow(p.skip); err != nil {
			return err
		}
		p.skip = 0
	}
	n, err := p.rows.ReadRows(p.batch[:])
	if err != nil && err != io.EOF {
		return err
	}
	p.decoded = p.batch[:n]
	if err == io.EOF {
		closed := p.rows.Close()
		p.rows, p.groups = nil, p.groups[1:]
		return closed
	}
	if n == 0 {
		return errDamaged
	}
	return nil
}

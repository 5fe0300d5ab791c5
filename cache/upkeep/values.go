package upkeep

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A twin record is pair id 16, both sums 16, part 4, row 4. Sound token values of other bits would have other sums, save by a rare chance.
const twinRecord = 40

// values checks the parts of values, and rows that several parts hold against each other.
func (v *verifier) values(ctx context.Context) error {
	scratch := filepath.Join(v.dir, "twins")
	w, err := table.Create(scratch, nil)
	if err != nil {
		return err
	}
	for n, p := range v.m.Parts {
		if v.wrong[p.Path] != "" {
			continue
		}
		if err := v.part(ctx, n, p, w); err != nil {
			w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	t, err := table.Map(scratch, 0, twinRecord, table.ReadWrite)
	if err != nil {
		return err
	}
	defer t.Close()
	t.Sort(0, twinRecord)
	for from := 0; from < t.Len(); {
		to := from + 1
		for to < t.Len() && bytes.Equal(t.Record(to)[:16], t.Record(from)[:16]) {
			to++
		}
		v.twins(t, from, to)
		from = to
	}
	return nil
}

// twins compares the rows from..to of a table, which have one pair. Where they differ nothing tells which is right, so that all their parts
// are at fault.
func (v *verifier) twins(t *table.Table, from, to int) {
	place := func(i int) (p schemas.Part, row uint32) {
		rec := t.Record(i)
		return v.m.Parts[binary.BigEndian.Uint32(rec[32:])], binary.BigEndian.Uint32(rec[36:])
	}
	differ := false
	for i := from + 1; i < to; i++ {
		if !bytes.Equal(t.Record(i - 1)[16:32], t.Record(i)[16:32]) {
			differ = true
			first, row := place(i - 1)
			second, other := place(i)
			v.fault(second.Path, int64(other), cureScore, "pair %s has other values in %s row %d", part.Key(t.Record(i)[:16]), v.st.URL(first.Path), row)
		}
	}
	for i := from; differ && i < to; i++ {
		p, _ := place(i)
		v.mark(p.Path, fmt.Sprintf("pair %s has other values in another part", part.Key(t.Record(i)[:16])))
	}
}

// part checks one part of values and its keys, and adds its rows to the twins.
func (v *verifier) part(ctx context.Context, n int, p schemas.Part, twins *table.Writer) error {
	r, err := part.OpenValues(ctx, v.st, p, v.m.Fingerprint)
	if err != nil {
		v.fault(p.Path, -1, cureScore, "%v", err)
		return ctx.Err()
	}
	defer r.Close()
	var keys []part.Key
	row := int64(0)
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			v.fault(p.Path, row, cureScore, "%v", err)
			return ctx.Err()
		}
		size := 0
		for i := range rows {
			size += rows[i].Bytes()
			if err := rows[i].Check(); err != nil {
				v.fault(p.Path, row, cureScore, "%v", err)
			} else if k, err := part.ParseKey(rows[i].PairID); err == nil {
				keys = append(keys, k)
				if err := twins.Append(twin(k, &rows[i], n, row)); err != nil {
					return err
				}
			}
			row++
		}
		if size > part.MaxGroupBytes && len(rows) > 1 {
			v.fault(p.Path, row-int64(len(rows)), cureScore, "the row group that begins here has %d bytes of values, at most %d are allowed", size, part.MaxGroupBytes)
		}
	}
	v.report.Rows += row
	return v.keys(ctx, p, part.KeyBytes(keys))
}

// twin is the record of a row.
func twin(k part.Key, row *part.Value, n int, at int64) []byte {
	rec := append(make([]byte, 0, twinRecord), k[:]...)
	rec = binary.BigEndian.AppendUint64(rec, math.Float64bits(row.RefChosenLogps))
	rec = binary.BigEndian.AppendUint64(rec, math.Float64bits(row.RefRejectedLogps))
	rec = binary.BigEndian.AppendUint32(rec, uint32(n))
	return binary.BigEndian.AppendUint32(rec, uint32(at))
}

// keys compares a keys file with the sorted keys of its part's rows.
func (v *verifier) keys(ctx context.Context, p schemas.Part, want []byte) error {
	const size = len(part.Key{})
	for i := size; i < len(want); i += size {
		if k := want[i : i+size]; bytes.Equal(k, want[i-size:i]) {
			v.fault(p.Path, -1, cureScore, "it has pair %s twice", part.Key(k))
		}
	}
	if v.wrong[p.Keys.Path] != "" {
		return nil
	}
	n := 0
	err := part.Keys(ctx, v.st, p.Keys, func(k part.Key) error {
		if n >= len(want) || !bytes.Equal(want[n:n+size], k[:]) {
			return fmt.Errorf("key %d, %s, is not that of a row of %s", n/size, k, p.Path)
		}
		n += size
		return nil
	})
	if err == nil && n < len(want) {
		err = fmt.Errorf("it has %d keys, %s has %d sound rows", n/size, p.Path, len(want)/size)
	}
	if err != nil {
		v.fault(p.Keys.Path, -1, cureScore, "%v", err)
	}
	return ctx.Err()
}

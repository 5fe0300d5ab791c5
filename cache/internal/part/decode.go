package part

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// A column decodes the rows of a chunk, as many as there are.
type column[T any] func(c *chunk, rows []T) error

// The columns of a part by name. They are read one by one, several times as fast as rows of structs.
var (
	valueColumns = map[string]column[Value]{
		"pair_id":                  scalar(func(v *Value, x parquet.Value) { v.PairID = string(x.ByteArray()) }),
		"prompt_ids":               list(func(v *Value) *[]int32 { return &v.PromptIDs }, (*encoding.Values).Int32),
		"chosen_ids":               list(func(v *Value) *[]int32 { return &v.ChosenIDs }, (*encoding.Values).Int32),
		"rejected_ids":             list(func(v *Value) *[]int32 { return &v.RejectedIDs }, (*encoding.Values).Int32),
		"ref_chosen_logps":         scalar(func(v *Value, x parquet.Value) { v.RefChosenLogps = x.Double() }),
		"ref_rejected_logps":       scalar(func(v *Value, x parquet.Value) { v.RefRejectedLogps = x.Double() }),
		"ref_chosen_token_logps":   list(func(v *Value) *[]float32 { return &v.RefChosenTokenLogps }, (*encoding.Values).Float),
		"ref_rejected_token_logps": list(func(v *Value) *[]float32 { return &v.RefRejectedTokenLogps }, (*encoding.Values).Float),
		"chosen_tokens":            scalar(func(v *Value, x parquet.Value) { v.ChosenTokens = x.Int32() }),
		"rejected_tokens":          scalar(func(v *Value, x parquet.Value) { v.RejectedTokens = x.Int32() }),
		"chosen_truncated":         scalar(func(v *Value, x parquet.Value) { v.ChosenTruncated = x.Boolean() }),
		"rejected_truncated":       scalar(func(v *Value, x parquet.Value) { v.RejectedTruncated = x.Boolean() }),
	}
	viewColumns = map[string]column[ViewRow]{
		"pair_id":     scalar(func(r *ViewRow, x parquet.Value) { r.PairID = string(x.ByteArray()) }),
		"source_file": scalar(func(r *ViewRow, x parquet.Value) { r.SourceFile = x.Int32() }),
		"source_pos":  scalar(func(r *ViewRow, x parquet.Value) { r.SourcePos = x.Int64() }),
		"meta":        scalar(func(r *ViewRow, x parquet.Value) { r.Meta = string(x.ByteArray()) }),
	}
)

// scalar is a column of one value a row.
func scalar[T any](set func(row *T, x parquet.Value)) column[T] {
	return func(c *chunk, rows []T) error {
		return eachValue(c, len(rows), func(row int, x parquet.Value) { set(&rows[row], x) })
	}
}

// eachValue calls set for each value of a column that has one value a row.
func eachValue(c *chunk, rows int, set func(row int, x parquet.Value)) error {
	n := 0
	buf := make([]parquet.Value, min(rows, 256))
	err := c.eachPage(func(page parquet.Page) error {
		for in := page.Values(); ; {
			k, err := in.ReadValues(buf)
			if n+k > rows {
				return fmt.Errorf("more values than the %d rows", rows)
			}
			for _, x := range buf[:k] {
				set(n, x)
				n++
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	if err == nil && n != rows {
		err = fmt.Errorf("%d values for %d rows", n, rows)
	}
	return err
}

// list is a column LIST<E>: each row gets its list as a window of one slice.
//
// A value's repetition level is 0 where a list begins and 1 inside of it; its definition level is 1, or 0 for the one entry that stands
// for an empty list.
func list[E int32 | float32](of func(*Value) *[]E, data func(*encoding.Values) []E) column[Value] {
	return func(c *chunk, rows []Value) error {
		var flat []E
		begins := make([]int, 0, len(rows)+1) // of each row's list in flat
		err := c.eachPage(func(page parquet.Page) error {
			in := page.Data()
			var values []E
			if d := page.Dictionary(); d != nil {
				entries := d.Page().Data()
				var err error
				if values, err = lookUp(data(&entries), in.Int32()); err != nil {
					return err
				}
			} else {
				values = data(&in)
			}
			rep, def := page.RepetitionLevels(), page.DefinitionLevels()
			if len(rep) != len(def) || len(values) > len(rep) {
				return fmt.Errorf("%d values with %d repetition and %d definition levels", len(values), len(rep), len(def))
			}
			n := 0
			for i := range rep {
				if rep[i] == 0 {
					begins = append(begins, len(flat)+n)
				}
				n += int(def[i])
			}
			if n != len(values) {
				return fmt.Errorf("%d values where the levels say %d", len(values), n)
			}
			if flat == nil && c.whole() {
				flat = make([]E, 0, min(c.meta.NumValues, MaxGroupBytes/4)) // the footer is not believed beyond what a group may have
			}
			flat = append(flat, values...)
			return nil
		})
		if err != nil {
			return err
		}
		if len(begins) != len(rows) {
			return fmt.Errorf("%d lists for %d rows", len(begins), len(rows))
		}
		begins = append(begins, len(flat))
		for i := range rows {
			if from, to := begins[i], begins[i+1]; from < to {
				*of(&rows[i]) = flat[from:to:to]
			}
		}
		return nil
	}
}

// lookUp returns the entries of a dictionary that a page names.
func lookUp[E any](dict []E, index []int32) ([]E, error) {
	out := make([]E, len(index))
	for i, k := range index {
		if uint(k) >= uint(len(dict)) {
			return nil, fmt.Errorf("entry %d of a dictionary of %d", k, len(dict))
		}
		out[i] = dict[k]
	}
	return out, nil
}

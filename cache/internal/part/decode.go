package part

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// decodeValues decodes a row group of values by columns, several times as fast as rows of structs: the lists of a column become windows
// of one slice.
func decodeValues(g parquet.RowGroup) ([]Value, error) {
	rows := make([]Value, g.NumRows())
	scalars := map[string]func(v *Value, x parquet.Value){
		"pair_id":            func(v *Value, x parquet.Value) { v.PairID = string(x.ByteArray()) },
		"ref_chosen_logps":   func(v *Value, x parquet.Value) { v.RefChosenLogps = x.Double() },
		"ref_rejected_logps": func(v *Value, x parquet.Value) { v.RefRejectedLogps = x.Double() },
		"chosen_tokens":      func(v *Value, x parquet.Value) { v.ChosenTokens = x.Int32() },
		"rejected_tokens":    func(v *Value, x parquet.Value) { v.RejectedTokens = x.Int32() },
		"chosen_truncated":   func(v *Value, x parquet.Value) { v.ChosenTruncated = x.Boolean() },
		"rejected_truncated": func(v *Value, x parquet.Value) { v.RejectedTruncated = x.Boolean() },
	}
	ids := map[string]func(*Value) *[]int32{
		"prompt_ids":   func(v *Value) *[]int32 { return &v.PromptIDs },
		"chosen_ids":   func(v *Value) *[]int32 { return &v.ChosenIDs },
		"rejected_ids": func(v *Value) *[]int32 { return &v.RejectedIDs },
	}
	logps := map[string]func(*Value) *[]float32{
		"ref_chosen_token_logps":   func(v *Value) *[]float32 { return &v.RefChosenTokenLogps },
		"ref_rejected_token_logps": func(v *Value) *[]float32 { return &v.RefRejectedTokenLogps },
	}
	paths := g.Schema().Columns()
	for i, c := range g.ColumnChunks() {
		name := paths[i][0]
		var err error
		if set, ok := scalars[name]; ok {
			err = eachValue(c, len(rows), func(row int, x parquet.Value) { set(&rows[row], x) })
		} else if list, ok := ids[name]; ok {
			err = eachList(c, rows, list, func(d encoding.Values) []int32 { return d.Int32() })
		} else if list, ok := logps[name]; ok {
			err = eachList(c, rows, list, func(d encoding.Values) []float32 { return d.Float() })
		} else {
			err = errors.New("there is no such column")
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
	}
	return rows, nil
}

// eachPage calls do for the pages of a column of a row group.
func eachPage(c parquet.ColumnChunk, do func(parquet.Page) error) error {
	pages := c.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = do(page)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// eachValue calls set for each value of a column that has one value a row.
func eachValue(c parquet.ColumnChunk, rows int, set func(row int, x parquet.Value)) error {
	n := 0
	var buf [256]parquet.Value
	err := eachPage(c, func(page parquet.Page) error {
		for in := page.Values(); ; {
			k, err := in.ReadValues(buf[:])
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

// eachList gives each row its list of a column LIST<E>, as a window of one slice.
//
// A value's repetition level is 0 where a list begins and 1 inside of it; its definition level is 1, or 0 for the one entry that stands
// for an empty list.
func eachList[E int32 | float32](c parquet.ColumnChunk, rows []Value, list func(*Value) *[]E, data func(encoding.Values) []E) error {
	flat := make([]E, 0, c.NumValues())
	begins := make([]int, 0, len(rows)+1) // of each row's list in flat
	err := eachPage(c, func(page parquet.Page) error {
		values := data(page.Data())
		if d := page.Dictionary(); d != nil {
			index := page.Data()
			var err error
			if values, err = lookUp(data(d.Page().Data()), index.Int32()); err != nil {
				return err
			}
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
			*list(&rows[i]) = flat[from:to:to]
		}
	}
	return nil
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

// decodeStructs decodes a row group by parquet-go's own reading of structs.
func decodeStructs[T any](g parquet.RowGroup) ([]T, error) {
	rows := make([]T, g.NumRows())
	in := parquet.NewGenericRowGroupReader[T](g)
	defer in.Close()
	n, err := in.Read(rows)
	if n == len(rows) && (err == nil || errors.Is(err, io.EOF)) {
		return rows, nil
	}
	return nil, fmt.Errorf("row %d of %d: %w", n, len(rows), errors.Join(err, io.ErrUnexpectedEOF))
}

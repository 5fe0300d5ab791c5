package part

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// writeGroups writes a part of rows in groups of two, and returns its store and what the manifest says of it.
func writeGroups(t *testing.T, columns Columns, rows []Value) (storage.Store, schemas.Part) {
	t.Helper()
	st, err := storage.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := CreateValues(ctx, st, "p", "k", Footer{"r1", fingerprint}, Bounds{Rows: 2, Bytes: MaxGroupBytes}, columns)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rows {
		k, err := ParseKey(v.PairID)
		if err == nil {
			err = w.Write(k, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ref, keys, err := w.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ref.Path, keys.Path = "p", "k"
	return st, schemas.Part{FileRef: ref, Run: "r1", Rows: int64(len(rows)), Keys: keys}
}

// Of a damaged part those pairs are found whose ids and flags can be read, whatever became of their log-probabilities.
func TestSalvage(t *testing.T) {
	rows := []Value{row(5, 1), row(4, 2), row(3, 3), row(2, 4), row(7, 5)}
	rows[1].ChosenTruncated, rows[3].RejectedTruncated = true, true
	var all []schemas.TokenPair
	for _, v := range rows {
		all = append(all, v.Pair().TokenPair)
	}
	for _, columns := range []Columns{WithTokenLogps, SumsOnly} {
		st, _ := writeGroups(t, columns, rows)
		good, err := os.ReadFile(st.URL("p"))
		if err != nil {
			t.Fatal(err)
		}
		salvage := func() (got []schemas.TokenPair) {
			t.Helper()
			err := Salvage(ctx, st, "p", func(c Columns, pairs []schemas.TokenPair) error {
				if c != columns {
					t.Errorf("columns %v, want %v", c, columns)
				}
				got = append(got, pairs...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		want := func(what string, want []schemas.TokenPair) {
			t.Helper()
			if diff := cmp.Diff(want, salvage(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("columns %v, %s: want -, got +:\n%s", columns, what, diff)
			}
		}
		want("nothing damaged", all)

		// A bit of the last page of each column of each group.
		src, err := os.Open(st.URL("p"))
		if err != nil {
			t.Fatal(err)
		}
		file, err := parquet.OpenFile(src, int64(len(good)))
		if err != nil {
			t.Fatal(err)
		}
		for g, group := range file.Metadata().RowGroups {
			rest := slices.Concat(all[:2*g], all[min(2*g+2, len(all)):])
			for _, c := range group.Columns {
				m := c.MetaData
				begin := m.DataPageOffset
				if m.DictionaryPageOffset > 0 {
					begin = min(begin, m.DictionaryPageOffset)
				}
				bad := slices.Clone(good)
				bad[begin+m.TotalCompressedSize-2] ^= 1
				if err := os.WriteFile(st.URL("p"), bad, 0o666); err != nil {
					t.Fatal(err)
				}
				switch name := m.PathInSchema[0]; name {
				case "pair_id", "prompt_ids", "chosen_ids", "rejected_ids", "chosen_truncated", "rejected_truncated":
					want(name, rest)
				default:
					want(name, all)
				}
			}
		}
		src.Close()
		for name, bad := range map[string][]byte{"cut": good[:len(good)-1], "empty": nil, "no Parquet": []byte("PAR1 or not PAR1")} {
			if err := os.WriteFile(st.URL("p"), bad, 0o666); err != nil {
				t.Fatal(err)
			}
			want(name, nil)
		}
		os.Remove(st.URL("p"))
		want("missing", nil)
	}

	// A row whose ids are another pair's is left out, and the caller's error is returned.
	rows[2].ChosenIDs = []int32{9, 9, 9}
	st, _ := writeGroups(t, WithTokenLogps, rows)
	stop := errors.New("stop")
	var got []schemas.TokenPair
	err := Salvage(ctx, st, "p", func(_ Columns, pairs []schemas.TokenPair) error {
		if got = append(got, pairs...); len(got) == 3 {
			return stop
		}
		return nil
	})
	if diff := cmp.Diff([]schemas.TokenPair{all[0], all[1], all[3]}, got); diff != "" || err != stop {
		t.Errorf("%v; want -, got +:\n%s", err, diff)
	}
}

// Checksums guard pages, and nothing guards footers and the heads of pages. Whatever bit of a part is flipped, whoever reads it gets an
// error or the rows that were written: no panic, no memory without bounds, no other number.
func TestEveryFlippedBit(t *testing.T) {
	rows := []Value{row(3, 1), row(2, 2), row(2, 3)}
	for _, columns := range []Columns{WithTokenLogps, SumsOnly} {
		want := slices.Clone(rows)
		if columns == SumsOnly {
			for i := range want {
				want[i].RefChosenTokenLogps, want[i].RefRejectedTokenLogps = nil, nil
			}
		}
		st, p := writeGroups(t, columns, rows)
		b, err := os.ReadFile(st.URL("p"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(st.URL("p"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if n := len(readValues(st, p)); n != 2*len(rows) {
			t.Fatalf("of the undamaged part %d rows are read, want %d", n, 2*len(rows))
		}
		footer := len(b) - 8 - int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		pages, rest := 11, 5 // with every bit it takes a minute
		if testing.Short() {
			pages, rest = 997, 331
		}
		step := pages
		for bit := 0; bit < 8*len(b); bit += step {
			at := int64(bit / 8)
			if bit >= 8*footer {
				step = rest
			}
			if _, err := f.WriteAt([]byte{b[at] ^ 1<<(bit%8)}, at); err != nil {
				t.Fatal(err)
			}
			for i, got := range readValues(st, p) {
				if diff := cmp.Diff(want[i%len(want)], got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("columns %v: bit %d of byte %d of %d flipped, row %d: want -, got +:\n%s", columns, bit%8, at, len(b), i, diff)
				}
			}
			if _, err := f.WriteAt(b[at:at+1], at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// readValues reads a part as readers do, who check every row: group by group, and row by row. It returns the rows that pass by their place,
// those that were read alone after all others.
func readValues(st storage.Store, p schemas.Part) map[int]Value {
	out := map[int]Value{}
	r, err := OpenValues(ctx, st, p, fingerprint)
	if err != nil {
		return out
	}
	defer r.Close()
	at := 0
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			break
		}
		for i := range rows {
			if rows[i].Check() == nil {
				out[at] = rows[i]
			}
			at++
		}
	}
	for i := range int(p.Rows) {
		if v, _, err := r.Row(ctx, int64(i)); err == nil && v.Check() == nil {
			out[int(p.Rows)+i] = *v
		}
	}
	return out
}

package table_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache/internal/table"
)

func write(t rapid.TB, path string, header []byte, records [][]byte) {
	w, err := table.Create(path, header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if w.Len() != len(records) {
		t.Fatalf("Len = %d, want %d", w.Len(), len(records))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Sorting by a window of the record keeps the records and orders them; what was sorted is found, and the file holds it after Close.
func TestSortAndSearch(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint16Range(0, 300), 0, 200).Draw(t, "values")
		var records [][]byte
		for i, v := range values {
			records = append(records, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, v), uint32(i)))
		}
		path := filepath.Join(dir, "t")
		write(t, path, []byte("head"), records)
		tab, err := table.Map(path, 4, 6, table.ReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		tab.Sort(0, 6)
		if err := tab.Close(); err != nil {
			t.Fatal(err)
		}
		tab, err = table.Map(path, 4, 6, table.Read)
		if err != nil {
			t.Fatal(err)
		}
		defer tab.Close()
		if got := string(tab.Header()); got != "head" {
			t.Errorf("header %q", got)
		}
		seen := map[uint32]bool{}
		for i := range tab.Len() {
			r := tab.Record(i)
			if i > 0 && bytes.Compare(tab.Record(i-1), r) >= 0 {
				t.Errorf("record %d does not come after the one before", i)
			}
			n := binary.BigEndian.Uint32(r[2:])
			seen[n] = true
			if binary.BigEndian.Uint16(r) != values[n] {
				t.Errorf("record %d was torn", i)
			}
		}
		if len(seen) != len(values) {
			t.Errorf("%d records of %d are there", len(seen), len(values))
		}
		for _, v := range []uint16{0, 7, 150, 300, 301} {
			want := 0
			for _, x := range values {
				if x < v {
					want++
				}
			}
			if got := tab.Search(binary.BigEndian.AppendUint16(nil, v)); got != want {
				t.Errorf("Search(%d) = %d, want %d", v, got, want)
			}
		}
	})
}

func TestMapRefusesTornFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	for size, want := range map[int]bool{0: false, 3: false, 4: true, 9: false, 10: true, 15: false, 16: true} {
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		tab, err := table.Map(path, 4, 6, table.Read)
		if (err == nil) != want {
			t.Errorf("%d bytes: error %v, want it to map: %v", size, err, want)
		}
		if err == nil {
			tab.Close()
		}
	}
}

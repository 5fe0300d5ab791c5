package parquetfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

func TestOpen(t *testing.T) {
	var good bytes.Buffer
	if err := parquet.Write(&good, []struct{ A int32 }{{1}, {2}}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(good.Bytes()), int64(good.Len()))
	if err != nil || f.NumRows() != 2 {
		t.Fatalf("a file of two rows: %v", err)
	}
	changed := bytes.Clone(good.Bytes())
	changed[len(changed)-5] = 0x7f // the length's highest byte: 2 GB
	for _, bad := range []struct {
		name, bytes, says string
	}{
		{"empty", "", "too few"},
		{"a magic number", "PAR1", "too few"},
		{"two of them", "PAR1PAR1", "too few"},
		{"three of them", "PAR1PAR1PAR1", "827474256 bytes, and has 12 in all"},
		{"a changed length", string(changed), "cut or changed"},
		{"cut at the front", good.String()[4:], "magic"},
		{"cut at the end", good.String()[:good.Len()-1], "cut or changed"},
		{"another end", good.String()[:good.Len()-4] + "PARX", "magic"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			tol.AllocatesAtMost(t, 1<<20, func() { _, err = Open(strings.NewReader(bad.bytes), int64(len(bad.bytes))) })
			if err == nil || !strings.Contains(err.Error(), bad.says) {
				t.Errorf("%v, want %q", err, bad.says)
			}
		})
	}
}

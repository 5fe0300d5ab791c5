package upkeep_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A model is what a reference gives, by pair: what cachetest drew. It refuses what it does not know.
type model map[schemas.PairID]schemas.CachedPair

func fakeModel(rows []schemas.CachedPair) model {
	m := model{}
	for _, p := range rows {
		m[p.ID] = p
	}
	return m
}

func (m model) score(ctx context.Context, made schemas.Fingerprint, rows []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
	if d := made.Differ(cachetest.Fingerprint); d != nil {
		return fmt.Errorf("the cache is of another model: %v", d)
	}
	for i := range rows {
		row := rows[len(rows)-1-i] // in another order than they came in
		p, ok := m[row.ID]
		if !ok {
			refused(schemas.Quarantined{Source: row.Source, Code: schemas.CodeBadToken, Reason: "not of this model"})
			continue
		}
		p.TokenPair = row
		scored(p)
	}
	return ctx.Err()
}

// then is score that tells what it was given.
func (m model) then(tell func([]schemas.TokenPair)) upkeep.Score {
	return func(ctx context.Context, made schemas.Fingerprint, rows []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
		tell(rows)
		return m.score(ctx, made, rows, scored, refused)
	}
}

// parquetColumn returns the offset of the last byte but a few of a column of the first row group of a file: one of its last page.
func parquetColumn(t testing.TB, path, name string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Metadata().RowGroups[0].Columns {
		if m := c.MetaData; m.PathInSchema[0] == name {
			begin := m.DataPageOffset
			if m.DictionaryPageOffset > 0 {
				begin = min(begin, m.DictionaryPageOffset)
			}
			return begin + m.TotalCompressedSize - 3
		}
	}
	t.Fatalf("%s has no column %s", path, name)
	return 0
}

package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

const (
	// rowCacheBytes bounds the decoded row groups that a RowReader keeps, unless Keep says otherwise. Rows lie in the order in which windows
	// of precompute were scored, so reading in the order of the data goes to and fro in a window's groups: those it should hold.
	rowCacheBytes = 64 << 20
	// wholeFrom is the share of a row group that must have been decoded for rows read alone until the group is decoded whole. A low share
	// serves views that fit or are read in order, a high one those a little too large, of which a group decoded whole soon goes again.
	wholeFrom = 0.25
	// rowOpenFiles bounds the parts that it keeps open; one counts once for every 64 row groups that its footer holds in memory, 11 kB each.
	rowOpenFiles = 64
)

// A RowReader reads the values of a view's rows by their place in its order. Use it from one goroutine.
//
// It keeps the decoded row groups used last, up to 64 MiB of them or what Keep says, and remembers as many others whose rows it read alone.
// Rows of a group are read alone until that has cost a quarter of what the group costs, then the group is decoded whole. So a view that
// fits, or that is read in its order, has every group decoded once; in random order over a much larger view groups are forgotten before,
// and a row costs a page of each column.
type RowReader struct {
	s      *Snapshot
	x      *Index
	files  lru[int, *part.Reader[part.Value]]
	groups lru[groupKey, []part.Value]
	spent  lru[groupKey, *float64] // of groups that are not decoded: the share of them that rows read alone have cost

	decoded, single int // row groups and rows decoded, for tests
}

type groupKey struct{ part, group int }

// Rows returns a reader of an index of this snapshot.
func (s *Snapshot) Rows(x *Index) *RowReader {
	r := &RowReader{s: s, x: x}
	r.files.limit, r.files.drop = rowOpenFiles, func(f *part.Reader[part.Value]) { f.Close() }
	r.Keep(rowCacheBytes)
	return r
}

// Keep bounds the decoded row groups that the reader keeps, and remembers, by so many bytes. It comes before the first row.
func (r *RowReader) Keep(bytes int64) { r.groups.limit, r.spent.limit = bytes, bytes }

// At returns row i of the view: ids, flags, reference values and Source, without Meta. Its slices are the caller's. A row that is not what
// its pair id says is ErrDamaged.
func (r *RowReader) At(ctx context.Context, i int) (schemas.CachedPair, error) {
	if i < 0 || i >= r.x.Len() {
		return schemas.CachedPair{}, fmt.Errorf("cache: row %d of a view of %d", i, r.x.Len())
	}
	at := r.x.at(i)
	v, err := r.value(ctx, at)
	if err != nil {
		return schemas.CachedPair{}, fmt.Errorf("cache: row %d (source %d:%d): %w", i, at.source.File, at.source.Pos, err)
	}
	p := v.Pair()
	// The lists of a group are windows of one slice: a row that is kept must not keep them all.
	p.PromptIDs, p.ChosenIDs, p.RejectedIDs = slices.Clone(p.PromptIDs), slices.Clone(p.ChosenIDs), slices.Clone(p.RejectedIDs)
	p.RefChosenTokenLogps, p.RefRejectedTokenLogps = slices.Clone(p.RefChosenTokenLogps), slices.Clone(p.RefRejectedTokenLogps)
	p.Source = at.source
	return p, nil
}

func (r *RowReader) value(ctx context.Context, at place) (*part.Value, error) {
	if at.part >= len(r.s.manifest.Parts) || at.row >= r.s.manifest.Parts[at.part].Rows {
		return nil, fmt.Errorf("the index names row %d of part %d, which is not there; remove the index file, it is made again", at.row, at.part)
	}
	f, err := r.file(ctx, at.part)
	if err != nil {
		return nil, err
	}
	v, err := r.decode(ctx, f, at)
	if err != nil {
		return nil, damaged(ctx, err)
	}
	path := r.s.st.URL(r.s.manifest.Parts[at.part].Path)
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("%w: %s row %d: %w; steelyard verify tells all that is", ErrDamaged, path, at.row, err)
	}
	if k, err := part.ParseKey(v.PairID); err != nil || [4]byte(k[:4]) != at.check {
		return nil, fmt.Errorf("%s row %d is the pair %s, the index wants %x…; remove the index file, it is made again", path, at.row, v.PairID, at.check)
	}
	return v, nil
}

// decode returns a row of a part: from its group if that is decoded, or else by decoding the group or the row.
func (r *RowReader) decode(ctx context.Context, f *part.Reader[part.Value], at place) (*part.Value, error) {
	g, first := f.Group(at.row)
	key := groupKey{at.part, g}
	if rows, ok := r.groups.get(key); ok {
		return &rows[at.row-first], nil
	}
	spent, ok := r.spent.get(key)
	if !ok {
		spent = new(float64)
		r.spent.put(key, spent, f.Size(g))
	}
	if *spent < wholeFrom {
		v, share, err := f.Row(ctx, at.row)
		*spent += share
		r.single++
		return v, err
	}
	rows, err := f.Read(ctx, g)
	if err != nil {
		return nil, err
	}
	r.decoded++
	r.spent.forget(key)
	r.groups.put(key, rows, f.Size(g))
	return &rows[at.row-first], nil
}

// damaged marks an error of a part, unless it is that the caller gave up.
func damaged(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, part.ErrVersion) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func (r *RowReader) file(ctx context.Context, n int) (*part.Reader[part.Value], error) {
	if f, ok := r.files.get(n); ok {
		return f, nil
	}
	f, err := part.OpenValues(ctx, r.s.st, r.s.manifest.Parts[n], r.s.manifest.Fingerprint)
	if err != nil {
		return nil, damaged(ctx, err)
	}
	r.files.put(n, f, int64(f.Groups()+63)/64)
	return f, nil
}

// Close closes the parts that are open. The index stays open.
func (r *RowReader) Close() error {
	r.files.clear()
	r.groups.clear()
	r.spent.clear()
	return nil
}

// lru keeps the values used last, up to a limit of their sizes but always the newest.
type lru[K comparable, V any] struct {
	limit int64
	drop  func(V) // called for a value that goes; may be nil

	size  int64
	order list.List // of *entry, the newest in front
	at    map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
	size  int64
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := c.at[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// put adds a value under a key that get did not find.
func (c *lru[K, V]) put(k K, v V, size int64) {
	if c.at == nil {
		c.at = map[K]*list.Element{}
	}
	c.at[k] = c.order.PushFront(&entry[K, V]{k, v, size})
	c.size += size
	for c.size > c.limit && c.order.Len() > 1 {
		c.remove(c.order.Back())
	}
}

// forget removes the value of a key, if there is one.
func (c *lru[K, V]) forget(k K) {
	if e, ok := c.at[k]; ok {
		c.remove(e)
	}
}

func (c *lru[K, V]) remove(e *list.Element) {
	old := c.order.Remove(e).(*entry[K, V])
	delete(c.at, old.key)
	c.size -= old.size
	if c.drop != nil {
		c.drop(old.value)
	}
}

func (c *lru[K, V]) clear() {
	for c.order.Len() > 0 {
		c.remove(c.order.Back())
	}
}

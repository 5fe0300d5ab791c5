package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// An Overview is what is in a directory, be it a cache or not yet.
type Overview struct {
	Digest   string           // of the newest snapshot; "" while the directory is not a cache
	Manifest schemas.Manifest // zero while the directory is not a cache
	Views    []schemas.View   // oldest first; of one that is damaged the name and the rows alone
	Runs     []schemas.Run    // by id, which is by time
	Parts    []RunParts       // in the order of the manifest
	Staged   []Leftover       // by run
	Holder   string           // who holds the cache now; "" for nobody, "unknown: …" where that cannot be told
	Damaged  []string         // views that cannot be read, and the like
	Sharing  *Sharing         `json:",omitempty"` // what Share says, where it was asked
}

// RunParts are the parts of values that a run wrote.
type RunParts struct {
	Run   string
	Parts int
	Rows  int64
	Bytes int64 // with their keys
}

// A Leftover is what a run has below tmp/ and did not commit, or not yet.
type Leftover struct {
	Run   string
	Files int
	Bytes int64
	// Whole parts that no snapshot has, and their rows: once the run is dead the next run takes them over, unless it is of another reference.
	Parts int
	Rows  int64
	// Differs names the items in which the run's reference is another than that of the cache; then none of its parts is taken over.
	Differs []string `json:",omitempty"`
}

// Status says what is in a directory. It is no error if that is no cache; ErrDamaged if what is there cannot be read. To tell who holds the
// cache it takes the lock for a moment, if anything is there.
func Status(ctx context.Context, st storage.Store) (Overview, error) {
	o, err := status(ctx, st)
	if err != nil {
		return o, fmt.Errorf("upkeep: status: %w", err)
	}
	return o, nil
}

func status(ctx context.Context, st storage.Store) (o Overview, err error) {
	s, err := cache.Open(ctx, st)
	switch {
	case err == nil:
		o.Digest, o.Manifest = s.Digest(), s.Manifest()
		o.addViews(s)
		o.addParts()
	case !errors.Is(err, cache.ErrNoCache):
		return o, err
	}
	if o.Runs, err = layout.ReadRuns(ctx, st); err != nil {
		return o, err
	}
	if o.Staged, err = leftovers(ctx, st, o.Manifest); err != nil {
		return o, err
	}
	for i := range o.Staged {
		l := &o.Staged[i]
		run := slices.IndexFunc(o.Runs, func(r schemas.Run) bool { return r.ID == l.Run })
		if run < 0 || o.Digest == "" {
			continue
		}
		for _, d := range o.Manifest.Fingerprint.Differ(o.Runs[run].Fingerprint) {
			l.Differs = append(l.Differs, d[0].Name)
		}
	}
	if o.Digest != "" || len(o.Runs)+len(o.Staged) > 0 {
		o.Holder, err = holder(ctx, st)
	}
	return o, err
}

func (o *Overview) addViews(s *cache.Snapshot) {
	for _, v := range o.Manifest.Views {
		info, err := s.ViewInfo(v.Name)
		if err != nil {
			info = schemas.View{Name: v.Name, Rows: v.Rows}
			o.Damaged = append(o.Damaged, err.Error())
		}
		o.Views = append(o.Views, info)
	}
}

func (o *Overview) addParts() {
	for _, p := range o.Manifest.Parts {
		n := slices.IndexFunc(o.Parts, func(r RunParts) bool { return r.Run == p.Run })
		if n < 0 {
			n = len(o.Parts)
			o.Parts = append(o.Parts, RunParts{Run: p.Run})
		}
		r := &o.Parts[n]
		r.Parts++
		r.Rows += p.Rows
		r.Bytes += p.Bytes + p.Keys.Bytes
	}
}

// leftovers returns what lies below tmp/.
func leftovers(ctx context.Context, st storage.Store, m schemas.Manifest) ([]Leftover, error) {
	objects, err := st.List(ctx, "tmp/")
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, f := range manifest.Files(m) {
		named[f.Path] = true
	}
	var out []Leftover
	for _, f := range objects {
		run, _, ok := strings.Cut(strings.TrimPrefix(f.Name, "tmp/"), "/")
		if !ok {
			continue
		}
		if n := len(out); n == 0 || out[n-1].Run != run {
			out = append(out, Leftover{Run: run})
		}
		last := &out[len(out)-1]
		last.Files++
		last.Bytes += f.Size
		_, name, ok := layout.ParseReceipt(f.Name)
		if !ok || named[layout.Values(run, name)] {
			continue
		}
		var p cache.Staged
		err := layout.GetJSON(ctx, st, f.Name, &p)
		switch {
		case err == nil && p.Name == name:
			last.Parts++
			last.Rows += p.Rows
		case err != nil && !errors.Is(err, storage.ErrNotExist) && !errors.Is(err, cache.ErrDamaged):
			return nil, err
		}
	}
	return out, nil
}

// holder says who holds the lock of a cache. Where that cannot be tried, as on a file system that is mounted for reading, it says so.
func holder(ctx context.Context, st storage.Store) (string, error) {
	unlock, err := st.Lock(ctx, layout.Lock)
	switch {
	case err == nil:
		unlock()
		return "", nil
	case ctx.Err() != nil:
		return "", err
	case errors.Is(err, storage.ErrLocked):
		return strings.TrimPrefix(err.Error(), storage.ErrLocked.Error()+": "), nil
	}
	return "unknown: " + err.Error(), nil
}

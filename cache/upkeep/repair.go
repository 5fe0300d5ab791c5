package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// RepairOptions are what Verify is told, and the run that the repair is recorded as.
type RepairOptions struct {
	VerifyOptions // without Score, what has to be scored again is left as it is

	// Run is the record: ID, Owner, Program, Runner and Started. Finished, where set, is the time of what is written.
	Run schemas.Run
	// CommitEvery bounds the scoring that a kill loses; a part is always scored whole. 0 means a minute.
	CommitEvery time.Duration
}

// A Repaired is what Repair did, and what is left.
type Repaired struct {
	Done   []string // what was wrong and what became of it, a line each
	Scored int64    // pairs that were scored again
	Report Report   // of the cache as it is now
}

// Repair verifies a cache and mends what can be mended, under the cache's lock: cache.ErrTaken where another process holds it.
//
//   - A part of values that is not what it should be is dropped. Those of its rows that can still be read, and whose ids are those that their
//     pair id stands for, are scored again and written as parts of this run; old values are never trusted. Nothing is scored that another
//     part has.
//   - A keys file is written again from its part, to the bytes that the manifest has the digest of.
//   - manifest.json becomes the newest sound snapshot again; a damaged manifest of an older one, and a damaged record of a run, go.
//   - A damaged view is dropped unless it is the newest, which training reads: that takes a run of precompute over the same data, as rows do
//     whose tokens are lost. The report says so.
//
// What it drops stays on disk until Collect. It may be killed anywhere and called again; on a sound cache it does nothing.
func Repair(ctx context.Context, st storage.Store, o RepairOptions) (Repaired, error) {
	r := &repairer{st: st, o: o}
	err := r.repair(ctx)
	if err != nil {
		err = fmt.Errorf("upkeep: repair: %w", err)
	}
	return r.out, err
}

type repairer struct {
	st  storage.Store
	o   RepairOptions
	out Repaired

	m       schemas.Manifest // the newest
	digest  string           // of m
	version string           // of manifest.json
	known   []*part.KeySet   // of the parts of m that are sound, and of those in add
	dropped map[string]bool  // paths of parts, and of views, that the next manifest does without
	add     []schemas.Part   // what it has besides
	began   bool             // whether the run is recorded
	counts  schemas.Counts
	last    time.Time // of the last commit
}

// did notes what was wrong with a file and what was done.
func (r *repairer) did(path, what, done string) {
	r.out.Done = append(r.out.Done, fmt.Sprintf("%s: %s: %s", r.st.URL(path), what, done))
}

// now is the time of what is written.
func (r *repairer) now() time.Time {
	if !r.o.Run.Finished.IsZero() {
		return r.o.Run.Finished
	}
	return time.Now().UTC().Truncate(time.Second)
}

func (r *repairer) repair(ctx context.Context) error {
	if err := layout.CheckRun(r.o.Run.ID); err != nil {
		return err
	}
	// Before the lock, which makes a file: nothing is written into a directory that is not ours.
	if _, err := r.st.Stat(ctx, layout.Newest); errors.Is(err, storage.ErrNotExist) {
		if all, err := readSnapshots(ctx, r.st, func(string, string) {}); err != nil {
			return err
		} else if len(all) == 0 {
			return noCache(r.st)
		}
	} else if err != nil {
		return err
	}
	unlock, err := cache.Hold(ctx, r.st)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.restore(ctx); err != nil {
		return err
	}
	v, err := verify(ctx, r.st, r.o.VerifyOptions)
	r.out.Report = v.report
	if err != nil {
		return err
	}
	if v.read {
		err = r.mend(ctx, v)
		err = errors.Join(err, r.finish(ctx, err))
	}
	if err != nil || len(r.out.Done) == 0 {
		return err
	}
	v, err = verify(ctx, r.st, VerifyOptions{Scratch: r.o.Scratch})
	r.out.Report = v.report
	return err
}

// mend repairs what a verifier found.
func (r *repairer) mend(ctx context.Context, v *verifier) error {
	b, version, err := layout.GetVersion(ctx, r.st, layout.Newest)
	if err != nil {
		return err
	}
	if r.m, r.digest, r.version, r.dropped = v.m, layout.Digest(b), version, map[string]bool{}; r.digest != v.report.Digest {
		return manifest.ErrConflict
	}
	if err := r.records(ctx, v); err != nil {
		return err
	}
	for _, p := range r.m.Parts {
		if err := r.keys(ctx, v, p); err != nil {
			return err
		}
	}
	for i, view := range r.m.Views {
		if what := v.wrong[view.Info.Path]; what != "" && i < len(r.m.Views)-1 {
			r.dropped["views/"+view.Name] = true
			r.did("views/"+view.Name, what, "dropped; precompute over the same data makes it again")
		}
	}
	defer func() {
		for _, k := range r.known {
			k.Close()
		}
	}()
	for _, p := range r.m.Parts {
		if v.wrong[p.Path] != "" {
			continue
		}
		if err := r.know(ctx, p); err != nil {
			return err
		}
	}
	r.last = time.Now()
	for _, p := range v.m.Parts {
		what := v.wrong[p.Path]
		if what == "" {
			continue
		}
		if err := r.rescue(ctx, p, what); err != nil {
			return err
		}
		if time.Since(r.last) >= cmp.Or(r.o.CommitEvery, time.Minute) {
			if err := r.commit(ctx); err != nil {
				return err
			}
		}
	}
	return r.commit(ctx)
}

// keys writes a keys file again whose part is sound. A part whose keys are not those that the manifest has the digest of is at fault itself.
func (r *repairer) keys(ctx context.Context, v *verifier, p schemas.Part) error {
	what := v.wrong[p.Keys.Path]
	if what == "" || v.wrong[p.Path] != "" {
		return nil
	}
	in, err := part.OpenValues(ctx, r.st, p, r.m.Fingerprint)
	if err != nil {
		return err
	}
	defer in.Close()
	var keys []part.Key
	err = in.IDs(ctx, func(_ int64, k part.Key) error {
		keys = append(keys, k)
		return nil
	})
	if err != nil {
		return err
	}
	b := part.KeyBytes(keys)
	if int64(len(b)) != p.Keys.Bytes || layout.Digest(b) != p.Keys.SHA256 {
		v.mark(p.Path, p.Keys.Path+": "+what)
		return nil
	}
	if err := layout.Put(ctx, r.st, p.Keys.Path, b, storage.Replace); err != nil {
		return err
	}
	r.did(p.Keys.Path, what, "written again from its part")
	return nil
}

// know adds the keys of a sound part to those known.
func (r *repairer) know(ctx context.Context, p schemas.Part) error {
	set, err := part.MapKeys(ctx, r.st, p.Keys)
	if err == nil {
		r.known = append(r.known, set)
	}
	return err
}

// commit makes a snapshot without what is dropped and with what is added the newest, if there is any.
func (r *repairer) commit(ctx context.Context) error {
	r.last = time.Now()
	if len(r.dropped)+len(r.add) == 0 {
		return nil
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	m := r.m
	m.Program, m.Created, m.Previous = r.o.Run.Program, r.now(), r.digest
	m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(p schemas.Part) bool { return r.dropped[p.Path] })
	m.Parts = append(m.Parts, r.add...)
	m.Views = slices.DeleteFunc(slices.Clone(m.Views), func(v schemas.ViewRef) bool { return r.dropped["views/"+v.Name] })
	if err := manifest.Replace(ctx, r.st, m, r.version); err != nil {
		return err
	}
	b, version, err := layout.GetVersion(ctx, r.st, layout.Newest)
	if err != nil {
		return err
	}
	r.m, r.digest, r.version, r.dropped, r.add = m, layout.Digest(b), version, map[string]bool{}, nil
	return nil
}

// begin records the repair as a run that goes on, once.
func (r *repairer) begin(ctx context.Context) error {
	if r.began {
		return nil
	}
	r.began = true
	return r.record(ctx, schemas.RunRunning, "")
}

func (r *repairer) record(ctx context.Context, state schemas.RunState, why string) error {
	run := r.o.Run
	run.State, run.Why, run.Fingerprint, run.Counts = state, why, r.m.Fingerprint, r.counts
	if state != schemas.RunRunning {
		run.Finished = r.now()
		run.Options = map[string]any{"repaired": r.out.Done}
	}
	return layout.PutJSON(ctx, r.st, layout.Run(run.ID), run)
}

// finish ends the record of a repair that did something, and removes what it staged.
func (r *repairer) finish(ctx context.Context, err error) error {
	if len(r.out.Done) == 0 && !r.began {
		return nil
	}
	// Also where ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err != nil {
		return r.record(ctx, schemas.RunFailed, err.Error())
	}
	dir := layout.StagedDir(r.o.Run.ID)
	left, err := r.st.List(ctx, dir+"/")
	if err != nil {
		return err
	}
	for _, o := range left {
		if err := r.st.Remove(ctx, o.Name); err != nil {
			return err
		}
	}
	return errors.Join(r.st.Sweep(ctx, dir), r.record(ctx, schemas.RunDone, ""))
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

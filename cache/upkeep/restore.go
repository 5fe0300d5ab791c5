package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// restore puts the newest manifest back where it is damaged, and removes damaged manifests of older snapshots. A newest manifest that it
// can make nothing of stays as it is.
func (r *repairer) restore(ctx context.Context) error {
	damaged := map[string]string{} // what is wrong, by path
	all, err := readSnapshots(ctx, r.st, func(path, what string) { damaged[path] = what })
	if err != nil {
		return err
	}
	b, version, err := layout.GetVersion(ctx, r.st, layout.Newest)
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	digest := layout.Digest(b)
	_, known := all[digest]
	own := layout.Manifest(digest)
	if b != nil && !known {
		if known, err = r.vouched(ctx, b, all, damaged[own] != ""); err != nil {
			return err
		}
		if known {
			if err := layout.Put(ctx, r.st, own, b, storage.Replace); err != nil {
				return err
			}
			r.did(own, cmp.Or(damaged[own], "it is missing"), "written again from manifest.json")
			delete(damaged, own)
		}
	}
	if !known {
		if err := r.putBack(ctx, b, version, all); err != nil {
			return err
		}
	}
	for path, what := range sorted(damaged) {
		if !manifestName.MatchString(path) {
			continue // none of ours
		}
		if err := r.st.Remove(ctx, path); err != nil {
			return err
		}
		r.did(path, what, "removed; a training run that began on it cannot go on")
	}
	return nil
}

var manifestName = regexp.MustCompile(`^manifests/[0-9a-f]{64}\.json$`)

// vouched reports whether a manifest.json that is no snapshot of manifests/ is sound, so that its snapshot can be written again: a damaged
// one there has its digest for a name, or it names nothing but sound files and no other snapshot could be meant.
func (r *repairer) vouched(ctx context.Context, b []byte, all map[string]snapshot, named bool) (bool, error) {
	m, err := manifest.Decode(r.st.URL(layout.Newest), b)
	if errors.Is(err, cache.ErrDamaged) {
		return false, nil
	}
	if err != nil || named {
		return err == nil, err
	}
	for digest := range leaves(all) {
		if digest != m.Previous {
			return false, nil
		}
	}
	for _, f := range manifest.Files(m) {
		got, err := layout.Measure(ctx, r.st, f.Path)
		switch {
		case errors.Is(err, storage.ErrNotExist):
			return false, nil
		case err != nil:
			return false, err
		case got != f:
			return false, nil
		}
	}
	return true, nil
}

// leaves are the snapshots that no other grew from.
func leaves(all map[string]snapshot) map[string]snapshot {
	out := map[string]snapshot{}
	for digest, s := range all {
		out[digest] = s
	}
	for _, s := range all {
		delete(out, s.previous)
	}
	return out
}

// putBack makes the newest sound snapshot of manifests/ the newest of the cache, in the place of b: of those that no other grew from one
// whose files are there, rather than of a run that failed, and then the one that was made last.
func (r *repairer) putBack(ctx context.Context, b []byte, version string, all map[string]snapshot) error {
	type candidate struct {
		digest        string
		whole, failed bool
		created       time.Time
	}
	var best *candidate
	for digest, s := range sorted(leaves(all)) {
		c := candidate{digest: digest, created: s.created}
		_, err := cache.OpenDigest(ctx, r.st, digest)
		if err != nil && !errors.Is(err, cache.ErrDamaged) {
			return err
		}
		c.whole = err == nil
		var run schemas.Run
		if err := layout.GetJSON(ctx, r.st, layout.Run(s.view), &run); err == nil {
			c.failed = run.State == schemas.RunFailed
		} else if !errors.Is(err, storage.ErrNotExist) && !errors.Is(err, cache.ErrDamaged) {
			return err
		}
		better := best == nil
		switch {
		case better:
		case c.whole != best.whole:
			better = c.whole
		case c.failed != best.failed:
			better = best.failed
		default:
			better = c.created.After(best.created)
		}
		if better {
			best = &c
		}
	}
	if best == nil {
		return nil // verify says that there is none
	}
	content, err := layout.Get(ctx, r.st, layout.Manifest(best.digest))
	if err != nil {
		return err
	}
	condition, what := storage.IfAbsent, "it is missing"
	if version != "" {
		condition, what = storage.IfVersion(version), fmt.Sprintf("its SHA-256 %s is that of no snapshot in manifests/", layout.Digest(b))
	}
	if err := layout.Put(ctx, r.st, layout.Newest, content, condition); err != nil {
		return err
	}
	r.did(layout.Newest, what, fmt.Sprintf("the snapshot %s of %s put in its place", best.digest, best.created.Format(time.DateTime)))
	return nil
}

// records writes what is known of a run in the place of a record that cannot be read.
func (r *repairer) records(ctx context.Context, v *verifier) error {
	for path, what := range sorted(v.wrong) {
		file, inside := strings.CutPrefix(path, "runs/")
		id, ok := strings.CutSuffix(file, ".json")
		if !inside || !ok || layout.CheckRun(id) != nil {
			continue
		}
		run := schemas.Run{ID: id, State: schemas.RunFailed, Why: "not known: its record was damaged", Finished: r.now(), Fingerprint: v.m.Fingerprint}
		if i := slices.IndexFunc(v.m.Views, func(ref schemas.ViewRef) bool { return ref.Name == id }); i >= 0 {
			view := v.views[i]
			run.State, run.Why, run.Started, run.Options = schemas.RunDone, "", view.Created, view.Options
			run.Counts = schemas.Counts{Rows: v.m.Views[i].Rows, Quarantined: view.Quarantined, Truncated: view.Truncated, Identical: view.Identical, Diverged: view.Diverged}
		}
		if err := layout.PutJSON(ctx, r.st, path, run); err != nil {
			return err
		}
		r.did(path, what, "what is known of the run written in its place")
	}
	return nil
}

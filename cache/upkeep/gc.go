package upkeep

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// DefaultKeep is how long a snapshot is kept after another took its place: time for a training run that began on it to go on.
const DefaultKeep = 14 * 24 * time.Hour

// CollectOptions say what is garbage.
type CollectOptions struct {
	// Keep is how long a snapshot stays after another took its place, and what a run that is not in the cache left; 0 keeps the newest
	// snapshot alone.
	Keep time.Duration
	// Now is the time that Keep counts from; zero is the present.
	Now time.Time
	// DryRun finds and removes nothing.
	DryRun bool
}

// Garbage is what Collect removed, in that order, or would remove.
type Garbage struct {
	Digest  string // of the newest snapshot
	Kept    int    // snapshots that stay
	Removed []Removed
	Bytes   int64 // of what was removed
}

// A Removed is one object.
type Removed struct {
	Path  string
	Bytes int64
	Why   string
}

// Collect removes what no recent snapshot names, under the cache's lock: cache.ErrTaken where another process holds it. A snapshot is recent
// if it is the newest, or was until less than Keep ago. What goes:
//
//   - manifests of other snapshots, and those that never were in force
//   - files of values, keys and views that no recent snapshot names
//   - of runs that ended longer than Keep ago: what they staged; and, unless a recent snapshot has something of them, quarantine and record
//   - what writers left that died
//
// Parts that a younger run finished and did not commit stay, for the next run takes them over. Killed anywhere, it leaves a sound cache, for
// a manifest goes before anything that it names. It refuses a cache of which it cannot tell what is in use: cache.ErrDamaged.
func Collect(ctx context.Context, st storage.Store, o CollectOptions) (Garbage, error) {
	c := collector{st: st, cutoff: o.Now, recent: map[string]bool{}, named: map[string]bool{}, views: map[string]bool{}, parts: map[string]bool{}, old: map[string]bool{}}
	if o.Now.IsZero() {
		c.cutoff = time.Now()
	}
	c.cutoff = c.cutoff.Add(-o.Keep)
	err := c.collect(ctx, o.DryRun)
	if err != nil {
		err = fmt.Errorf("upkeep: collect: %w", err)
	}
	return c.out, err
}

type collector struct {
	st     storage.Store
	cutoff time.Time // what ended before is old
	out    Garbage

	recent map[string]bool // digests of recent snapshots
	chain  []string        // digests of those in force before them, the latest first
	named  map[string]bool // files that recent snapshots name
	views  map[string]bool // runs that a recent snapshot has the view of
	parts  map[string]bool // runs that it has parts of
	old    map[string]bool // runs that ended before cutoff
	later  [6][]Removed    // what goes, by when
}

// The order in which things go. A kill between any two leaves what a reader of a recent snapshot, and the next run, go by.
const (
	goManifests = iota
	goReceipts
	goFiles
	goStaged
	goQuarantine
	goRecords
)

func (c *collector) collect(ctx context.Context, dry bool) error {
	// Before the lock, which makes a file: nothing is written into a directory that is not a cache.
	if _, err := cache.Open(ctx, c.st); err != nil {
		return err
	}
	if !dry {
		unlock, err := cache.Hold(ctx, c.st)
		if err != nil {
			return err
		}
		defer unlock()
	}
	s, err := cache.Open(ctx, c.st)
	if err != nil {
		return err
	}
	// When a dead run ended nobody knows, and what it left may be worth as much as it took: the time counts from now.
	if !dry {
		if err := cache.Settle(ctx, c.st, s); err != nil {
			return err
		}
	}
	if err := c.look(ctx, s); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.manifests, c.staged, c.files, c.quarantine, c.records} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, all := range c.later {
		for _, x := range all {
			if !dry {
				if err := c.st.Remove(ctx, x.Path); err != nil {
					return err
				}
			}
			c.out.Removed = append(c.out.Removed, x)
			c.out.Bytes += x.Bytes
		}
	}
	if dry {
		return nil
	}
	return c.st.Sweep(ctx, ".")
}

// look finds out what is in use.
func (c *collector) look(ctx context.Context, s *cache.Snapshot) error {
	c.out.Digest = s.Digest()
	// Of every snapshot the time at which it became the newest, which is when the one before it ceased to be.
	digests, n, recent := []string{s.Digest()}, 0, 1
	err := manifest.History(ctx, c.st, s.Manifest(), func(m schemas.Manifest) {
		n++
		digests = append(digests, m.Previous)
		if !m.Created.Before(c.cutoff) {
			recent = n + 1 // the one before m, and with it all between
		}
	})
	if err != nil {
		return err
	}
	digests = digests[:n] // the last names one that is gone, or none
	c.out.Kept = min(recent, n)
	for _, d := range digests[:c.out.Kept] {
		c.recent[d] = true
	}
	c.chain = digests[c.out.Kept:]
	n = 0
	err = manifest.History(ctx, c.st, s.Manifest(), func(m schemas.Manifest) {
		if n++; n > c.out.Kept {
			return
		}
		for _, f := range manifest.Files(m) {
			c.named[f.Path] = true
		}
		for _, p := range m.Parts {
			c.parts[p.Run] = true
		}
		for _, v := range m.Views {
			c.views[v.Name] = true
		}
	})
	if err != nil {
		return err
	}
	runs, err := layout.ReadRuns(ctx, c.st)
	if err != nil {
		return err
	}
	for _, r := range runs {
		c.old[r.ID] = !r.Finished.IsZero() && r.Finished.Before(c.cutoff)
	}
	return nil
}

func (c *collector) remove(when int, o storage.Object, why string) {
	c.later[when] = append(c.later[when], Removed{o.Name, o.Size, why})
}

// manifests are those of snapshots that are not recent: first the ones that never were in force, then the oldest.
func (c *collector) manifests(ctx context.Context) error {
	objects, err := c.st.List(ctx, "manifests/")
	if err != nil {
		return err
	}
	at := map[string]storage.Object{}
	for _, o := range objects {
		at[o.Name] = o
	}
	for _, d := range c.chain {
		o := at[layout.Manifest(d)]
		delete(at, o.Name)
		c.remove(goManifests, o, "an older snapshot")
	}
	for name, o := range sorted(at) {
		digest := strings.TrimSuffix(strings.TrimPrefix(name, "manifests/"), ".json")
		if manifestName.MatchString(name) && !c.recent[digest] {
			c.remove(goManifests, o, "never in force, or from before what is known")
		}
	}
	slices.Reverse(c.later[goManifests])
	return nil
}

// staged are files of old runs. Of younger ones receipts vouch also for parts that have their final names already.
func (c *collector) staged(ctx context.Context) error {
	objects, err := c.st.List(ctx, "tmp/")
	if err != nil {
		return err
	}
	for _, o := range objects {
		run, _, ok := strings.Cut(strings.TrimPrefix(o.Name, "tmp/"), "/")
		_, name, receipt := layout.ParseReceipt(o.Name)
		switch {
		case !ok:
		case c.old[run] && receipt:
			c.remove(goReceipts, o, "staged by a run that ended long ago")
		case c.old[run]:
			c.remove(goStaged, o, "staged by a run that ended long ago")
		case receipt:
			c.named[layout.Values(run, name)], c.named[layout.Keys(run, name)] = true, true
		}
	}
	return nil
}

// files are those of values, keys and views that nothing names.
func (c *collector) files(ctx context.Context) error {
	for _, prefix := range []string{"values/", "keys/", "views/"} {
		objects, err := c.st.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if _, ok := layout.ParsePart(o.Name); ok && !c.named[o.Name] {
				c.remove(goFiles, o, "in no recent snapshot")
			}
		}
	}
	return nil
}

func (c *collector) quarantine(ctx context.Context) error {
	objects, err := c.st.List(ctx, "quarantine/")
	if err != nil {
		return err
	}
	for _, o := range objects {
		run, _, ok := strings.Cut(strings.TrimPrefix(o.Name, "quarantine/"), "/")
		if ok && c.old[run] && !c.views[run] {
			c.remove(goQuarantine, o, "of a run that ended long ago and has no view in a recent snapshot")
		}
	}
	return nil
}

func (c *collector) records(ctx context.Context) error {
	objects, err := c.st.List(ctx, "runs/")
	if err != nil {
		return err
	}
	for _, o := range objects {
		run := strings.TrimSuffix(strings.TrimPrefix(o.Name, "runs/"), ".json")
		if c.old[run] && !c.views[run] && !c.parts[run] {
			c.remove(goRecords, o, "of a run that ended long ago and is in no recent snapshot")
		}
	}
	return nil
}

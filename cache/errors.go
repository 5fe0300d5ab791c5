package cache

import (
	"errors"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Errors of a cache, to be tested with errors.Is.
var (
	// ErrNoCache is returned by Open for a directory without manifest.json. Let precompute finish, or name the right directory.
	ErrNoCache = errors.New("not a cache")
	// ErrTaken is returned by Begin for a directory that a run may not claim: another process holds it, or it holds something that is
	// none of ours. Wait, or name another directory.
	ErrTaken = errors.New("the directory is taken")
	// ErrReference is returned by Begin for a cache that was made with another reference. Name the model it was made with, or another
	// directory: values of two references never stand side by side.
	ErrReference = errors.New("the cache is of another reference")
	// ErrVersion is returned for a cache of a newer format than this program reads. Use a newer program.
	ErrVersion = part.ErrVersion
	// ErrDamaged is returned for a file that is not what the manifest says. Verify tells what is wrong and what to do.
	ErrDamaged = layout.ErrDamaged
	// ErrMissingValue is returned by Index for a row of a view whose value no part has. Run precompute again over the same data.
	ErrMissingValue = errors.New("a row of the view has no value")
)

// PairID returns the id of a tokenized pair, which docs/format.md defines: the first 16 bytes of SHA-256 over the three id lists, each as
// its length and its ids in little-endian int32, as 32 hex digits.
func PairID(prompt, chosen, rejected []int32) schemas.PairID {
	return part.KeyOf(prompt, chosen, rejected).String()
}

package trainer

import (
	"github.com/steelyard-ml/steelyard/cache/perm"
)

// order returns which row stands at place i of an epoch: the data set's own order, or a permutation of it that depends on the seed and
// the epoch alone. It takes no memory that grows with the rows.
func order(o Options, rows int) func(epoch, i int) int {
	if o.TrainSamplingStrategy == SamplingSequential {
		return func(_, i int) int { return i }
	}
	at, permutation := -1, perm.Perm{}
	return func(epoch, i int) int {
		if epoch != at {
			at, permutation = epoch, perm.New(epochSeed(o.Seed, epoch), rows)
		}
		return permutation.At(i)
	}
}

// epochSeed derives the seed of an epoch's order: the epoch-th output of SplitMix64 (Steele, Lea & Flood 2014) from the run's seed, so
// that neighbouring seeds and epochs have nothing to do with each other.
func epochSeed(seed uint64, epoch int) uint64 {
	z := seed + uint64(epoch+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

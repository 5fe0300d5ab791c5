package trainer

import "math"

// A plan says which pairs belong to which step. It counts as transformers 5 does: an epoch is cut into loss groups of
// per_device_train_batch_size pairs, of which the last may be smaller; gradient_accumulation_steps groups are a step, of which the last
// of an epoch may have fewer.
type plan struct {
	rows   int // pairs of an epoch
	batch  int // pairs of a group
	groups int // groups of an epoch
	accum  int // groups of a step
	perEp  int // steps of an epoch
	total  int // steps of the run
}

// newPlan plans a run over so many pairs, at least one.
func newPlan(rows int, o Options) plan {
	p := plan{rows: rows, batch: o.PerDeviceTrainBatchSize, accum: o.GradientAccumulationSteps}
	p.groups = (rows + p.batch - 1) / p.batch
	p.perEp = (p.groups + p.accum - 1) / p.accum
	p.total = o.MaxSteps
	if p.total < 0 {
		p.total = int(math.Ceil(o.NumTrainEpochs * float64(p.perEp)))
	}
	return p
}

// A span is the half-open range of places [From, To) in an epoch's order.
type span struct{ From, To int }

// step returns the groups of step k, counted from 0, and its epoch.
func (p plan) step(k int) (epoch int, groups []span) {
	epoch = k / p.perEp
	first := k % p.perEp * p.accum
	for g := first; g < min(first+p.accum, p.groups); g++ {
		groups = append(groups, span{g * p.batch, min((g+1)*p.batch, p.rows)})
	}
	return epoch, groups
}

// epochs returns how many epochs are done after so many steps, with a fraction.
func (p plan) epochs(steps int) float64 {
	done := min(steps%p.perEp*p.accum, p.groups)
	return float64(steps/p.perEp) + float64(done)/float64(p.groups)
}

// pairs returns how many pairs were seen after so many steps, repeats included.
func (p plan) pairs(steps int) int {
	return steps/p.perEp*p.rows + min(steps%p.perEp*p.accum*p.batch, p.rows)
}

// endsEpoch says whether an epoch is complete after so many steps.
func (p plan) endsEpoch(steps int) bool { return steps%p.perEp == 0 }

// warmup returns the steps of rising learning rate.
func (p plan) warmup(o Options) int {
	if o.WarmupRatio > 0 {
		return int(math.Ceil(o.WarmupRatio * float64(p.total)))
	}
	return stepCount(o.WarmupSteps, p.total)
}

package trainer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/steelyard-ml/steelyard/trainer/loss"
)

// Metrics are a step's numbers under TRL's names: a line of metrics.jsonl. Unless said otherwise each is the mean, over the step's groups,
// of the mean over a group's pairs.
type Metrics struct {
	GlobalStep   int     `json:"global_step"` // from 1
	Epoch        float64 `json:"epoch"`       // epochs done after the step
	Loss         float64 `json:"loss"`
	GradNorm     float64 `json:"grad_norm"`     // before clipping
	LearningRate float64 `json:"learning_rate"` // of this step
	NumTokens    int64   `json:"num_tokens"`    // seen since the run began; a pair counts its prompt twice

	RewardsChosen     float64 `json:"rewards/chosen"`     // β·(log π_θ − log π_ref)
	RewardsRejected   float64 `json:"rewards/rejected"`   // likewise
	RewardsAccuracies float64 `json:"rewards/accuracies"` // share of pairs whose chosen reward is the higher
	RewardsMargins    float64 `json:"rewards/margins"`    // chosen − rejected reward
	LogpsChosen       float64 `json:"logps/chosen"`       // log π_θ, summed over a completion
	LogpsRejected     float64 `json:"logps/rejected"`
	// Means over a group's completion tokens, not its pairs: of the logits' mean over the vocabulary, of the entropy in nats, of
	// the chosen tokens that were the most probable.
	LogitsChosen      float64 `json:"logits/chosen"`
	LogitsRejected    float64 `json:"logits/rejected"`
	Entropy           float64 `json:"entropy"`
	MeanTokenAccuracy float64 `json:"mean_token_accuracy"`

	// AuxLoss is the routers' auxiliary loss, of which loss has router_aux_loss_coef times; absent in a model without experts.
	AuxLoss float64 `json:"aux_loss,omitempty"`

	StepTime        float64 `json:"step_time_s"`       // seconds
	TokensPerSecond float64 `json:"tokens_per_second"` // as num_tokens counts them
}

// averaged are the fields that are means over groups.
func (m *Metrics) averaged() []*float64 {
	return []*float64{
		&m.Loss, &m.RewardsChosen, &m.RewardsRejected, &m.RewardsAccuracies, &m.RewardsMargins, &m.LogpsChosen, &m.LogpsRejected,
		&m.LogitsChosen, &m.LogitsRejected, &m.Entropy, &m.MeanTokenAccuracy, &m.AuxLoss,
	}
}

// average returns the metrics of a step that are means; aux is the coefficient of the auxiliary loss.
func average(beta, aux float64, pairs []scored, groups []span, terms []loss.Term) Metrics {
	var columns [][]float64
	for _, g := range groups {
		one := groupMetrics(beta, pairs[g.From:g.To], terms[g.From:g.To])
		if aux != 0 {
			one.AuxLoss, _ = auxiliary(pairs[g.From:g.To])
			one.Loss += float64(aux * one.AuxLoss)
		}
		for i, v := range one.averaged() {
			if len(columns) <= i {
				columns = append(columns, nil)
			}
			columns[i] = append(columns[i], *v)
		}
	}
	var m Metrics
	for i, v := range m.averaged() {
		*v = loss.Mean(columns[i])
	}
	return m
}

func groupMetrics(beta float64, pairs []scored, terms []loss.Term) Metrics {
	over := func(value func(i int) float64) float64 {
		var out []float64
		for i := range pairs {
			out = append(out, value(i))
		}
		return loss.Mean(out)
	}
	chosen := func(i int) float64 { return float64(beta * pairs[i].pair().Chosen.LogRatio()) }
	rejected := func(i int) float64 { return float64(beta * pairs[i].pair().Rejected.LogRatio()) }
	var w, l side // sums over the group
	for _, p := range pairs {
		w, l = w.plus(p.chosen), l.plus(p.rejected)
	}
	return Metrics{
		Loss:            over(func(i int) float64 { return terms[i].Loss }),
		RewardsChosen:   over(chosen),
		RewardsRejected: over(rejected),
		RewardsAccuracies: over(func(i int) float64 {
			if chosen(i) > rejected(i) {
				return 1
			}
			return 0
		}),
		RewardsMargins:    over(func(i int) float64 { return chosen(i) - rejected(i) }),
		LogpsChosen:       over(func(i int) float64 { return pairs[i].chosen.logp }),
		LogpsRejected:     over(func(i int) float64 { return pairs[i].rejected.logp }),
		LogitsChosen:      w.logits / float64(w.tokens),
		LogitsRejected:    l.logits / float64(l.tokens),
		Entropy:           (w.entropy + l.entropy) / float64(w.tokens+l.tokens),
		MeanTokenAccuracy: float64(w.rank1) / float64(w.tokens),
	}
}

func (s side) plus(t side) side {
	return side{s.tokens + t.tokens, s.logp + t.logp, s.entropy + t.entropy, s.logits + t.logits, s.rank1 + t.rank1}
}

// line is a step as the console shows it.
func (m Metrics) line(total int, left time.Duration) string {
	return fmt.Sprintf("step %d/%d  epoch %.2f  loss %.4f  margin %+.4f  accuracy %.2f  grad_norm %.3g  lr %.3g  %.0f tokens/s  %s left",
		m.GlobalStep, total, m.Epoch, m.Loss, m.RewardsMargins, m.RewardsAccuracies, m.GradNorm, m.LearningRate, m.TokensPerSecond,
		left.Round(time.Second))
}

// A journal is an open metrics.jsonl.
type journal struct{ f *os.File }

// openJournal opens metrics.jsonl for appending, cut back to the lines of the first steps up to kept: what a killed run wrote after its
// checkpoint is written again.
func openJournal(path string, kept int) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("trainer: metrics: %w", err)
	}
	end, err := keepSteps(f, kept)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("trainer: metrics: %s: %w", path, err)
	}
	return &journal{f}, nil
}

// keepSteps returns where the lines of steps up to kept end. A last line without its end was torn.
func keepSteps(f io.Reader, kept int) (int64, error) {
	end, in := int64(0), bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		var m Metrics
		if json.Unmarshal(line, &m) != nil || m.GlobalStep > kept {
			return end, nil
		}
		end += int64(len(line))
	}
}

func (j *journal) write(m Metrics) error {
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("trainer: metrics of step %d: %w", m.GlobalStep, err)
	}
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("trainer: metrics: %w", err)
	}
	return nil
}

package loss_test

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/trainer/loss"
)

// The policy has made the chosen completion e² times as likely as the reference has it, and the rejected one e⁻¹ times.
func ExampleSigmoid() {
	t := loss.Sigmoid(0.1, loss.Pair{
		Chosen:   loss.Completion{Logp: -40, Ref: -42},
		Rejected: loss.Completion{Logp: -36, Ref: -35},
	})
	fmt.Printf("loss %.10f, gradients %.10f and %.10f\n", t.Loss, t.DChosen, t.DRejected)
	// Output: loss 0.5543552445, gradients -0.0425557483 and 0.0425557483
}

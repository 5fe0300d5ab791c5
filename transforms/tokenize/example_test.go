package tokenize_test

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

// Pairs that are token ids already need no tokenizer: they are checked, cut and named.
func ExampleEncoder_Encode() {
	e := tokenize.Encoder{MaxLength: 5}
	pair, _ := e.Encode(schemas.Pair{
		Kind:      schemas.KindTokens,
		PromptIDs: []int32{1, 2, 3}, ChosenIDs: []int32{4, 5, 6}, RejectedIDs: []int32{7},
	})
	fmt.Println(pair.PromptIDs, pair.ChosenIDs, pair.RejectedIDs, pair.ChosenTruncated)

	_, bad := e.Encode(schemas.Pair{
		Kind:      schemas.KindTokens,
		PromptIDs: []int32{1, 2, 3, 4, 5}, ChosenIDs: []int32{6}, RejectedIDs: []int32{7},
	})
	fmt.Println(bad.Code)
	// Output:
	// [1 2 3] [4 5] [7] true
	// prompt_too_long
}

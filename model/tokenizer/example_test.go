package tokenizer_test

import (
	"fmt"
	"log"

	"github.com/steelyard-ml/steelyard/model/tokenizer"
)

func Example() {
	t, err := tokenizer.Load("../../testdata/demo/model")
	if err != nil {
		log.Fatal(err)
	}
	ids := t.Encode("<|im_start|>user\nWeigh it once.<|im_end|>", false)
	fmt.Println(ids)
	fmt.Printf("%q\n", t.Decode(ids, true))
	eos, id, _ := t.EOS()
	fmt.Println(eos, id)
	// Output:
	// [1 406 266 201 57 71 407 357 341 310 16 2]
	// "user\nWeigh it once."
	// <|im_end|> 2
}

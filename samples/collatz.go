package main

import "fmt"

func main() {
	n, steps := 27, 0
	for ; n != 1; steps++ {
		if n%2 == 0 {
			n /= 2
		} else {
			n = 3*n + 1
		}
	}
	fmt.Println("27 reaches 1 after", steps, "steps")
}

package peers

import "testing"

// The load, as in decide_benchmark.cpp: four evaluations in turn, each well outside the tolerance.
const turns = 4

var (
	totals   = [turns]int64{117, 143, 257, 283} // requests per second of the whole service
	percents = [turns]int64{35, 43, 77, 85}     // mean of a metric over the instances
)

const (
	replicasOfExternal = 10
	targetPerReplica   = 20
)

// spread is how far an instance lies from the mean; five in a row make up for each other.
func spread(instance int) int64 { return int64(instance%5) - 2 }

// targetOf is the target of a rule on instances.
func targetOf(rule int) int64 { return 60 + int64(rule) }

// measure times a decision over the turns, and reports what it wanted on average: proof of the same inputs.
func measure(b *testing.B, decide func(turn int) (replicas int32, err error)) {
	sum := 0
	for turn := range turns {
		replicas, err := decide(turn)
		if err != nil {
			b.Fatal(err)
		}
		sum += int(replicas)
	}
	b.ReportAllocs()
	turn := 0
	for b.Loop() {
		if _, err := decide(turn); err != nil {
			b.Fatal(err)
		}
		turn = (turn + 1) % turns
	}
	b.ReportMetric(float64(sum)/turns, "wanted")
}

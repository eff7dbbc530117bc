package peers

import (
	"context"
	"fmt"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const (
	namespace = "shop"
	key       = namespace + "/web"
)

var podLabels = map[string]string{"app": "web"}

// memoryMetrics answers every query with what is ready in memory, one turn of the load after the other.
type memoryMetrics struct {
	turn     int
	external [turns][]int64
	pods     [turns]map[string]metricsclient.PodMetricsInfo // by metric, milli-values
}

func (m *memoryMetrics) GetResourceMetric(_ context.Context, name corev1.ResourceName, _ string, _ labels.Selector, _ string) (metricsclient.PodMetricsInfo, time.Time, error) {
	return m.pods[m.turn][string(name)], time.Time{}, nil
}

func (m *memoryMetrics) GetRawMetric(name string, _ string, _ labels.Selector, _ labels.Selector) (metricsclient.PodMetricsInfo, time.Time, error) {
	return m.pods[m.turn][name], time.Time{}, nil
}

func (m *memoryMetrics) GetObjectMetric(name string, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, fmt.Errorf("no object has a metric %s here", name)
}

func (m *memoryMetrics) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	return m.external[m.turn], time.Time{}, nil
}

// service is a deployment with its metrics, and Kubernetes' autoscaler for it: real listers over a cache in memory.
type service struct {
	metrics    *memoryMetrics
	specs      []autoscalingv2.MetricSpec
	replicas   int32
	calculator *podautoscaler.ReplicaCalculator
	controller *podautoscaler.HorizontalController
}

func newService(b *testing.B, replicas int, specs ...autoscalingv2.MetricSpec) *service {
	const (
		resync                = 15 * time.Second
		noDownscaleWindow     = time.Duration(0) // windows run on the wall clock: a loop would fill them with its own haste
		tolerance             = 0.1
		cpuInitialization     = 5 * time.Minute
		initialReadinessDelay = 30 * time.Second
	)
	metrics := &memoryMetrics{}
	client := kubernetes.NewForConfigOrDie(&rest.Config{}) // never called: nothing here is started
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	for i := range replicas {
		if err := pods.Informer().GetIndexer().Add(newPod(i)); err != nil {
			b.Fatal(err)
		}
	}
	return &service{
		metrics:  metrics,
		specs:    specs,
		replicas: int32(replicas),
		calculator: podautoscaler.NewReplicaCalculator(
			metrics, pods.Lister(), cpuInitialization, initialReadinessDelay),
		controller: podautoscaler.NewHorizontalController(
			context.Background(), client.CoreV1(), nil, nil, nil, metrics,
			factory.Autoscaling().V2().HorizontalPodAutoscalers(), pods,
			resync, noDownscaleWindow, tolerance, cpuInitialization, initialReadinessDelay),
	}
}

func podName(i int) string { return fmt.Sprintf("web-%d", i) }

// newPod is ready, an hour old, and requests one core and 1000 MiB.
func newPod(i int) *corev1.Pod {
	started := metav1.NewTime(time.Now().Add(-time.Hour))
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: podName(i), Labels: podLabels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("1"),
				corev1.ResourceMemory: resource.MustParse("1000Mi"),
			}},
		}}},
		Status: corev1.PodStatus{
			Phase:     corev1.PodRunning,
			StartTime: &started,
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: started},
			},
		},
	}
}

// externalService has one metric of a queue, named and selected as in Kubernetes' documentation.
func externalService(b *testing.B, selector *metav1.LabelSelector) *service {
	target := resource.MustParse(fmt.Sprint(targetPerReplica))
	made := newService(b, replicasOfExternal, autoscalingv2.MetricSpec{
		Type: autoscalingv2.ExternalMetricSourceType,
		External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "requests_per_second", Selector: selector},
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &target},
		},
	})
	for turn, total := range totals {
		made.metrics.external[turn] = []int64{total * 1000}
	}
	return made
}

var selected = &metav1.LabelSelector{MatchLabels: map[string]string{"service": "web"}}

// podsService has rules on that many metrics of its pods: CPU, memory, then metrics of the app.
func podsService(b *testing.B, replicas, rules int) *service {
	specs := []autoscalingv2.MetricSpec{resourceSpec(corev1.ResourceCPU, 0), resourceSpec(corev1.ResourceMemory, 1)}
	for rule := len(specs); rule < rules; rule++ {
		specs = append(specs, podsSpec(rule))
	}
	made := newService(b, replicas, specs[:rules]...)
	for turn, percent := range percents {
		made.metrics.pods[turn] = map[string]metricsclient.PodMetricsInfo{
			string(corev1.ResourceCPU):    podReadings(replicas, percent, 10),
			string(corev1.ResourceMemory): podReadings(replicas, percent, 10<<20*1000),
		}
		for rule := 2; rule < rules; rule++ {
			made.metrics.pods[turn][appMetric(rule)] = podReadings(replicas, percent, 1000)
		}
	}
	return made
}

// podReadings spreads the pods around a percentage, of which one percent is `unit` milli-units.
func podReadings(replicas int, percent, unit int64) metricsclient.PodMetricsInfo {
	readings := metricsclient.PodMetricsInfo{}
	for i := range replicas {
		readings[podName(i)] = metricsclient.PodMetric{
			Timestamp: time.Now(), Window: time.Minute, Value: (percent + spread(i)) * unit}
	}
	return readings
}

func resourceSpec(name corev1.ResourceName, rule int) autoscalingv2.MetricSpec {
	target := int32(targetOf(rule))
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   name,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
		},
	}
}

func podsSpec(rule int) autoscalingv2.MetricSpec {
	target := resource.NewQuantity(targetOf(rule), resource.DecimalSI)
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.PodsMetricSourceType,
		Pods: &autoscalingv2.PodsMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: appMetric(rule)},
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: target},
		},
	}
}

func appMetric(rule int) string { return fmt.Sprintf("load_%d", rule) }

// calculate asks the calculator alone, as the controller does for each metric; the largest count is the answer.
// Outside its package the tolerance can only be 0; no turn of the load lies within 0.1 of a target.
func (s *service) calculate(selector labels.Selector) (most int32, err error) {
	for i := range s.specs {
		var replicas int32
		switch spec := &s.specs[i]; spec.Type {
		case autoscalingv2.ExternalMetricSourceType:
			replicas, _, _, err = s.calculator.GetExternalPerPodMetricReplicas(
				s.replicas, spec.External.Target.AverageValue.MilliValue(), spec.External.Metric.Name,
				podautoscaler.Tolerances{}, namespace, spec.External.Metric.Selector)
		case autoscalingv2.ResourceMetricSourceType:
			replicas, _, _, _, err = s.calculator.GetResourceReplicas(
				context.Background(), s.replicas, *spec.Resource.Target.AverageUtilization, spec.Resource.Name,
				podautoscaler.Tolerances{}, namespace, selector, "")
		case autoscalingv2.PodsMetricSourceType:
			replicas, _, _, err = s.calculator.GetMetricReplicas(
				s.replicas, spec.Pods.Target.AverageValue.MilliValue(), spec.Pods.Metric.Name,
				podautoscaler.Tolerances{}, namespace, selector, labels.Everything())
		}
		if err != nil {
			return 0, err
		}
		most = max(most, replicas)
	}
	return most, nil
}

func benchmarkCalculator(b *testing.B, s *service) {
	selector := labels.SelectorFromSet(podLabels)
	measure(b, func(turn int) (int32, error) {
		s.metrics.turn = turn
		return s.calculate(selector)
	})
}

func benchmarkController(b *testing.B, s *service) {
	least := int32(1)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: &least, MaxReplicas: 1000, Metrics: s.specs},
	}
	scale := &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.replicas, Selector: labels.FormatLabels(podLabels)},
	}
	measure(b, func(turn int) (int32, error) {
		s.metrics.turn = turn
		wanted, _, _, _, err := computeReplicasForMetrics(s.controller, context.Background(), hpa, scale, hpa.Spec.Metrics)
		normalizeDesiredReplicas(s.controller, hpa, key, s.replicas, wanted, least)
		return wanted, err
	})
}

func BenchmarkCalculator(b *testing.B) {
	b.Run("external", func(b *testing.B) { benchmarkCalculator(b, externalService(b, selected)) })
	b.Run("external/unselected", func(b *testing.B) { benchmarkCalculator(b, externalService(b, nil)) })
	b.Run("instances/10", func(b *testing.B) { benchmarkCalculator(b, podsService(b, 10, 1)) })
	b.Run("instances/100", func(b *testing.B) { benchmarkCalculator(b, podsService(b, 100, 1)) })
	b.Run("ten_rules/100", func(b *testing.B) { benchmarkCalculator(b, podsService(b, 100, 10)) })
}

func BenchmarkController(b *testing.B) {
	b.Run("external", func(b *testing.B) { benchmarkController(b, externalService(b, selected)) })
	b.Run("instances/10", func(b *testing.B) { benchmarkController(b, podsService(b, 10, 1)) })
	b.Run("instances/100", func(b *testing.B) { benchmarkController(b, podsService(b, 100, 1)) })
	b.Run("ten_rules/100", func(b *testing.B) { benchmarkController(b, podsService(b, 100, 10)) })
}

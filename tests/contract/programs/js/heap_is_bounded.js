console.log(require('v8').getHeapStatistics().heap_size_limit < 600 * 2 ** 20)

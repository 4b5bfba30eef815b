Promise.reject(7)

require('./nothing.js')
